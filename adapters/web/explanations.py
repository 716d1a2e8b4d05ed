"""Explanations of refusals in the language of the pages, also of those with English words only."""

from __future__ import annotations

from typing import Protocol

from markupsafe import Markup

from broker.codes.meanings import CODES
from contracts.phrases import N_, Phrase, Texts, in_language


class ReasonCoded(Protocol):
    """An error, or another finding with a reason code."""

    @property
    def code(self) -> str | None:
        """Return the reason code."""
        ...

    @property
    def detail(self) -> str:
        """Return one sentence, as a phrase if it can be translated."""
        ...


class Explanations:
    """Explanations in the language of the pages.

    Words that are in English only are marked so. The meaning of their code stands before them.

    Args:
        texts: texts of the language.
        english: whether that is English.
    """

    def __init__(self, texts: Texts, *, english: bool) -> None:
        self._texts = texts
        self._english = english

    def explained(self, refused: ReasonCoded) -> Markup:
        """Return what is wrong, with a capital at its beginning."""
        detail, code = refused.detail, refused.code
        if self._english or isinstance(detail, Phrase) or code is None or code not in CODES:
            return self._capital(detail)
        return Markup('{} <span lang="en">({})</span>').format(
            self._capital(N_(CODES[code].means)), detail
        )

    def to_do(self, step: str | None, code: str | None) -> Markup:
        """Return what to do, with a capital at its beginning; a command stays as it is.

        Args:
            step: the step that the use case names.
            code: the reason code, whose advice stands for a step in English only.
        """
        if step is None or step.startswith("concordant "):
            return Markup.escape(step or "")
        if not self._english and not isinstance(step, Phrase) and code is not None:
            step = N_(CODES[code].to_do) if code in CODES else step
        return self._capital(step)

    def _capital(self, text: str) -> Markup:
        said = str(in_language(text, self._texts))
        return Markup.escape(said[:1].upper() + said[1:])
