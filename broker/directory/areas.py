"""Areas in which services work: names, larger areas, and places in a map-like grid.

They are data of this package (`data/areas.json`). An area that the data lacks is compared by its
code alone.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_FILE: Final = Path(__file__).parent / "data" / "areas.json"


@dataclass(frozen=True, slots=True)
class GridArea:
    """An area of the grid.

    Attributes:
        code: its ONS code.
        name: its name.
        row, column: place in the grid, from 0.
        within: codes of the larger areas that contain it.
    """

    code: str
    name: str
    row: int
    column: int
    within: tuple[str, ...]


@cache
def grid() -> Mapping[str, GridArea]:
    """Return code to area of the grid, by code."""
    found = json.loads(_FILE.read_text("utf-8"))["areas"]
    return {
        one["code"]: GridArea(
            one["code"], one["name"], one["row"], one["column"], tuple(one["within"])
        )
        for one in found
    }


@cache
def larger_areas() -> Mapping[str, str]:
    """Return code to name of the areas that contain some of the grid."""
    found: Mapping[str, str] = json.loads(_FILE.read_text("utf-8"))["larger"]
    return found


def area_name(code: str) -> str:
    """Return the name of an area; its code if the data lacks it."""
    area = grid().get(code)
    return larger_areas().get(code, code) if area is None else area.name


def area_in_words(code: str) -> str:
    """Return the name of an area with its code, such as ``Camden (E09000007)``."""
    name = area_name(code)
    return code if name == code else f"{name} ({code})"


@cache
def areas_by_name() -> Mapping[str, str]:
    """Return name to code of every area of the data."""
    return {area.name: code for code, area in grid().items()} | {
        name: code for code, name in larger_areas().items()
    }


def covering(code: str, areas: Collection[str]) -> str | None:
    """Return the area among these that is the asked one or contains it; None if none does."""
    if code in areas:
        return code
    area = grid().get(code)
    return next((one for one in (area.within if area else ()) if one in areas), None)
