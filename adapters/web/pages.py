"""Pages of an area: address, roles and the function that answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from starlette.responses import Response

from adapters.web.people import Role
from adapters.web.visit import Visit

Handler: TypeAlias = Callable[[Visit], Response]
"""Answers a request. It runs in a thread and may call use cases."""


@dataclass(frozen=True, slots=True)
class PageRoute:
    """One page.

    Attributes:
        method: GET shows, POST changes.
        path: as Starlette writes paths, for example ``/referrals/{id}``.
        roles: a person with one of them may open it.
        handler: answers.
        most_bytes: most bytes of a form that it takes.
    """

    method: Literal["GET", "POST"]
    path: str
    roles: frozenset[Role]
    handler: Handler
    most_bytes: int = 262_144


@dataclass(frozen=True, slots=True)
class NavigationEntry:
    """One entry of the navigation.

    Attributes:
        path: address of the page.
        title: its name, as marked with ``N_``.
        roles: shown to a person with one of them.
    """

    path: str
    title: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class PageArea:
    """Pages that belong together.

    Attributes:
        title: its name, as marked with ``N_``.
        pages: the pages.
        entries: its entries of the navigation, in order.
    """

    title: str
    pages: Sequence[PageRoute]
    entries: Sequence[NavigationEntry]
