"""Navigation: the areas of a person, and the pages of the present one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.web.pages import NavigationEntry, PageArea
from adapters.web.people import Role


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the navigation.

    Attributes:
        path: where it leads.
        title: its text, not translated yet.
        here: whether the present page is there.
    """

    path: str
    title: str
    here: bool


@dataclass(frozen=True, slots=True)
class PageNavigation:
    """Navigation of one page.

    Attributes:
        areas: one link for each area; empty if the person has one area only.
        entries: links of the present area.
    """

    areas: Sequence[Link]
    entries: Sequence[Link]


class Navigation:
    """Navigation of the application.

    Args:
        areas: the areas, in order.
    """

    def __init__(self, areas: Sequence[PageArea]) -> None:
        self._areas = areas

    def links(self, roles: frozenset[Role], route: str) -> PageNavigation:
        """Return the links for a person.

        Args:
            roles: the person's roles.
            route: path of the present page.
        """
        open_to = [
            (area, entries)
            for area in self._areas
            if (entries := [entry for entry in area.entries if entry.roles & roles])
        ]
        present = next(
            (area for area, entries in open_to if any(_leads(one, route) for one in entries)), None
        )
        areas = [Link(entries[0].path, area.title, area is present) for area, entries in open_to]
        shown = [entries for area, entries in open_to if area is present or len(open_to) == 1]
        return PageNavigation(
            areas if len(areas) > 1 else (),
            [Link(one.path, one.title, _leads(one, route)) for one in shown[0]] if shown else (),
        )


def _leads(entry: NavigationEntry, route: str) -> bool:
    return route == entry.path or route.startswith(f"{entry.path}/")
