"""Pages of the directory. The areas of the roles that need one link to it."""

from __future__ import annotations

from typing import Final

from adapters.web.directory import coverage_page, own_page, search_page
from adapters.web.pages import PageArea
from contracts.phrases import N_

AREA: Final = PageArea(
    title=N_("Directory"),
    pages=(*search_page.PAGES, *coverage_page.PAGES, *own_page.PAGES),
    entries=(),
)
