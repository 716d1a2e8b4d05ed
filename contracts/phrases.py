"""Sentences that can be said in another language (GNU gettext).

A phrase is a string: its English text. Commands, files and logs use it as any other string. A page
asks for the same sentence in its own language with `Phrase.in_language`. The English template is
the key of the translation, and `docs/texts.py` finds every template by the names of the functions
here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Final, Protocol

__all__ = [
    "N_", "Phrase", "Texts", "capitalised", "day_words", "enumerated", "from_list", "grouped",
    "in_language", "joined", "month_name", "phrase", "phrases", "sentences",
]  # fmt: skip


class Texts(Protocol):
    """Texts of one language, for example `gettext.GNUTranslations`."""

    def gettext(self, message: str, /) -> str:
        """Return a text in the language; the text itself if it is not translated."""
        ...

    def ngettext(self, one: str, many: str, count: int, /) -> str:
        """Return the form of a text for a number."""
        ...


class Phrase(str):
    """English words without values, which a language may replace."""

    __slots__ = ()

    def in_language(self, texts: Texts) -> str:
        """Return the phrase in the language of `texts`."""
        return texts.gettext(str(self)) if self else ""

    def with_values(self, change: Callable[[str], str]) -> Phrase:
        """Return the phrase with each plain string among its values changed."""
        return self


class _Filled(Phrase):
    """Template with named values; `many` and `count` are set if its form depends on a number."""

    __slots__ = ("_count", "_many", "_one", "_values")
    _one: str
    _many: str | None
    _count: int
    _values: Mapping[str, object]

    def in_language(self, texts: Texts) -> str:
        if self._many is None:
            template = texts.gettext(self._one)
        else:
            template = texts.ngettext(self._one, self._many, self._count)
        return template % {name: in_language(each, texts) for name, each in self._values.items()}

    def with_values(self, change: Callable[[str], str]) -> Phrase:
        values = {name: _changed(each, change) for name, each in self._values.items()}
        if self._many is None:
            return phrase(self._one, **values)
        return phrases(self._one, self._many, self._count, **values)


class _Listed(Phrase):
    """Template of a dated list, with its values in braces."""

    __slots__ = ("_template", "_values")
    _template: str
    _values: Mapping[str, object]

    def in_language(self, texts: Texts) -> str:
        values = {name: in_language(each, texts) for name, each in self._values.items()}
        return texts.gettext(self._template).format_map(values)


class _Joined(Phrase):
    """Phrases and plain strings one after the other."""

    __slots__ = ("_parts",)
    _parts: tuple[str, ...]

    def in_language(self, texts: Texts) -> str:
        return "".join(str(in_language(part, texts)) for part in self._parts)

    def with_values(self, change: Callable[[str], str]) -> Phrase:
        return joined("", [_changed_text(part, change) for part in self._parts])


class _Capital(Phrase):
    """Phrase whose first letter is a capital in every language."""

    __slots__ = ("_inner",)
    _inner: Phrase

    def in_language(self, texts: Texts) -> str:
        return _upper(self._inner.in_language(texts))

    def with_values(self, change: Callable[[str], str]) -> Phrase:
        return capitalised(self._inner.with_values(change))


class _Grouped(Phrase):
    """Number with a mark between thousands."""

    __slots__ = ()

    def in_language(self, texts: Texts) -> str:
        return str(self).replace(",", texts.gettext(N_(",")))


def N_(text: str) -> Phrase:  # noqa: N802 - the name that extractors of gettext know
    """Return a text without values as a phrase."""
    return Phrase(text)


def phrase(template: str, /, **values: object) -> Phrase:
    """Return a phrase with values.

    Args:
        template: English text with places such as `%(agency)s`.
        values: value of each place; a phrase among them is translated too.
    """
    made = _Filled(template % values)
    made._one, made._many, made._count, made._values = template, None, 0, values
    return made


def phrases(one: str, many: str, count: int, /, **values: object) -> Phrase:
    """Return a phrase whose form depends on a number.

    Args:
        one: English template for 1.
        many: for every other number.
        count: the number. `%(n)s` stands for it, with a mark between thousands.
        values: other values, as of `phrase`.
    """
    values = {"n": grouped(count), **values}
    made = _Filled((one if count == 1 else many) % values)
    made._one, made._many, made._count, made._values = one, many, count, values
    return made


def from_list(template: str, values: Mapping[str, object]) -> Phrase:
    """Return a phrase from a text of a dated list, which has the names of values in braces.

    Args:
        template: the English text.
        values: by name.
    """
    made = _Listed(template.format_map(values))
    made._template, made._values = template, values
    return made


def joined(separator: str, parts: Iterable[str]) -> Phrase:
    """Return phrases and plain strings with a separator between them."""
    between: list[str] = []
    for part in parts:
        between += [separator, part] if between else [part]
    made = _Joined("".join(between))
    made._parts = tuple(between)
    return made


def sentences(*parts: str) -> Phrase:
    """Return sentences one after the other; an empty one is left out."""
    return joined(" ", (part for part in parts if part))


def enumerated(names: Iterable[str]) -> Phrase:
    """Return names as a list in words: ``A``, ``A and B`` or ``A, B and C``."""
    *before, last = names
    if not before:
        return joined("", [last])
    return phrase("%(names)s and %(last)s", names=joined(", ", before), last=last)


def capitalised(text: Phrase) -> Phrase:
    """Return a phrase with a capital at its beginning."""
    made = _Capital(_upper(text))
    made._inner = text
    return made


def grouped(number: int) -> Phrase:
    """Return a number as people read it, for example `1,204`."""
    return _Grouped(f"{number:,}")


def day_words(day: date) -> Phrase:
    """Return a day in words, for example `24 November 2026`."""
    return phrase(
        "%(day)s %(month)s %(year)s", day=day.day, month=month_name(day.month), year=day.year
    )


def month_name(number: int) -> Phrase:
    """Return the name of a month, from 1 to 12."""
    return _MONTHS[number - 1]


def in_language(value: object, texts: Texts) -> object:
    """Return a value as it is, a phrase in the language of `texts`."""
    return value.in_language(texts) if isinstance(value, Phrase) else value


def _changed(value: object, change: Callable[[str], str]) -> object:
    return _changed_text(value, change) if isinstance(value, str) else value


def _changed_text(text: str, change: Callable[[str], str]) -> str:
    return text.with_values(change) if isinstance(text, Phrase) else change(text)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


_MONTHS: Final = (
    N_("January"), N_("February"), N_("March"), N_("April"), N_("May"), N_("June"), N_("July"),
    N_("August"), N_("September"), N_("October"), N_("November"), N_("December"),
)  # fmt: skip
