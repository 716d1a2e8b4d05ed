"""Pages from templates: escaping, language, times."""

from __future__ import annotations

import gettext
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from adapters.web import durations
from broker.uk_time import uk_datetime

TEMPLATES: Final = Path(__file__).with_name("templates")


class Renderer:
    """Makes pages.

    Args:
        texts: texts in the language of the pages.
        language: its tag (BCP 47), for example ``en-GB``.
        clock: () -> ms since the epoch.
        common: values that every page has.
    """

    def __init__(
        self,
        texts: gettext.NullTranslations,
        language: str,
        clock: Callable[[], int],
        common: Mapping[str, object],
    ) -> None:
        self._clock = clock
        self._texts = texts
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
            auto_reload=False,
        )
        self._environment.install_gettext_translations(texts, newstyle=True)  # type: ignore[attr-defined]  # added by the extension
        self._environment.globals.update(common, language=language)
        self._environment.filters.update(
            uk_time=uk_time,
            uk_clock=uk_clock,
            uk_date=uk_date,
            iso_time=iso_time,
            capital=capital,
            ago=lambda ms: durations.ago(texts, clock() - ms),
            lasting=lambda ms: durations.lasting(texts, ms),
        )

    def text(self, marked: str) -> str:
        """Return a text that is marked with ``N_`` in the language of the pages."""
        return self._texts.gettext(marked)

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


def uk_time(ms: int) -> str:
    """Return UK date and time with the zone, for example ``24 November 2026, 09:12 GMT``."""
    local = uk_datetime(ms)
    return f"{local.day} {local:%B %Y, %H:%M %Z}"


def uk_clock(ms: int) -> str:
    """Return the UK time of day with the zone, for example ``09:12 GMT``."""
    return f"{uk_datetime(ms):%H:%M %Z}"


def uk_date(ms: int) -> str:
    """Return the date in the United Kingdom, for example ``24 November 2026``."""
    local = uk_datetime(ms)
    return f"{local.day} {local:%B %Y}"


def iso_time(ms: int) -> str:
    """Return the time for the attribute ``datetime``: RFC 3339 in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
