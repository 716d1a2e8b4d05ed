"""Pages of figures. The areas of the roles that read them link to them."""

from __future__ import annotations

from typing import Final

from adapters.web.figures import new_table, release_files, release_list, release_page
from adapters.web.pages import PageArea
from contracts.phrases import N_

AREA: Final = PageArea(
    title=N_("Figures"),
    pages=(*release_list.PAGES, *new_table.PAGES, *release_page.PAGES, *release_files.PAGES),
    entries=(),
)
