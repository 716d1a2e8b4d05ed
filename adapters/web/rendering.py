"""Pages from templates: escaping, language, times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from adapters.web.durations import ago, lasting
from adapters.web.explanations import Explanations, ReasonCoded
from broker.uk_time import uk_datetime
from contracts.phrases import N_, Phrase, Texts, day_words, grouped, in_language, phrase

TEMPLATES: Final = Path(__file__).with_name("templates")


class Renderer:
    """Makes pages.

    A phrase that a template shows is said in the language of the pages, also within the values of
    another text.

    Args:
        texts: texts in the language of the pages.
        language: its tag (BCP 47), for example ``en-GB``.
        clock: () -> ms since the epoch.
        common: values that every page has.
    """

    def __init__(
        self,
        texts: Texts,
        language: str,
        clock: Callable[[], int],
        common: Mapping[str, object],
    ) -> None:
        self._clock = clock
        self._texts = texts
        self._explanations = Explanations(texts, english=language.startswith("en"))
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
            auto_reload=False,
            finalize=lambda value: in_language(value, texts),
        )
        self._environment.install_gettext_callables(self._text, self._counted, newstyle=False)  # type: ignore[attr-defined]  # added by the extension
        self._environment.globals.update(common, language=language)
        self._environment.filters.update(
            uk_time=uk_time,
            uk_clock=uk_clock,
            uk_date=uk_date,
            iso_time=iso_time,
            capital=self._capital,
            grouped=grouped,
            explained=self.explained,
            to_do=self._explanations.to_do,
            join=self._join,
            ago=lambda ms: ago(clock() - ms),
            lasting=lasting,
        )

    def text(self, english: str) -> str:
        """Return a phrase, or a text of a table, in the language of the pages."""
        found = english if isinstance(english, Phrase) else N_(english)
        return found.in_language(self._texts)

    def explained(self, refused: ReasonCoded) -> Markup:
        """Return what is wrong in the language of the pages."""
        return self._explanations.explained(refused)

    def _text(self, text: str, /, **values: object) -> Markup:
        """Return a text of a template in the language of the pages, with its values."""
        return self._filled(self.text(text), values)

    def _counted(self, one: str, many: str, num: int, /, **values: object) -> Markup:
        """Return the form of a text of a template for a number."""
        return self._filled(self._texts.ngettext(one, many, num), {"num": num, **values})

    def _filled(self, text: str, values: Mapping[str, object]) -> Markup:
        said = Markup.escape(text)
        if not values:
            return said
        return said % {name: in_language(value, self._texts) for name, value in values.items()}

    def _capital(self, text: str) -> str:
        return capital(text.in_language(self._texts) if isinstance(text, Phrase) else text)

    def _join(self, parts: Iterable[object], separator: str = "") -> Markup:
        """Return the parts as text, each in the language of the pages."""
        return Markup.escape(separator).join(
            Markup.escape(in_language(part, self._texts)) for part in parts
        )

    def page(
        self, template: str, values: Mapping[str, object], *, status: int = 200, route: str = ""
    ) -> Response:
        """Return a page.

        Args:
            template: path below ``templates/``.
            values: its values.
            status: HTTP status.
            route: path of the page, for the mark in the navigation.
        """
        text = self._environment.get_template(template).render(
            **values, route=route, now_ms=self._clock()
        )
        return HTMLResponse(text, status_code=status)


def capital(text: str) -> str:
    """Return a text that begins with a capital letter; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def uk_time(ms: int) -> Phrase:
    """Return UK date and time with the zone, for example ``24 November 2026, 09:12 GMT``."""
    return phrase("%(day)s, %(time)s", day=uk_date(ms), time=uk_clock(ms))


def uk_clock(ms: int) -> str:
    """Return the UK time of day with the zone, for example ``09:12 GMT``."""
    return f"{uk_datetime(ms):%H:%M %Z}"


def uk_date(ms: int) -> Phrase:
    """Return the date in the United Kingdom, for example ``24 November 2026``."""
    return day_words(uk_datetime(ms))


def iso_time(ms: int) -> str:
    """Return the time for the attribute ``datetime``: RFC 3339 in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
