"""Areas of the application, in the order of the navigation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from adapters.web import own_pages
from adapters.web.desk import area as desk
from adapters.web.directory import area as directory
from adapters.web.figures import area as figures
from adapters.web.officer import area as officer
from adapters.web.operator import area as operator
from adapters.web.pages import PageArea

OWN: Final = own_pages.AREA
"""Pages that each person may open and that stand at the foot of each page."""
AREAS: Final[Sequence[PageArea]] = (
    desk.AREA, officer.AREA, operator.AREA, figures.AREA, directory.AREA,
)  # fmt: skip
