"""Map-like grid of coverage as SVG, with a text alternative.

Each area is a square with its name and numbers, so the plot does not rest on colours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from broker.directory.areas import GridArea, grid
from broker.directory.coverage import CoverageCell

_SIDE: Final = 116
_GAP: Final = 6
_HEAD: Final = 64
_LINE_CHARACTERS: Final = 14
_FILLS: Final = ("#ffffff", "#e3ecf5", "#fbe3b8", "#f4b8a8")
"""Fill by the share of gaps: none, up to a third, up to two thirds, more. Text on each is black."""


@dataclass(frozen=True, slots=True)
class AreaSummary:
    """Numbers of one area.

    Attributes:
        area: the area.
        asked: number of needs and motivations that are counted.
        none: how many have no service.
        one: how many have a service of one agency alone.
        longest_wait_days: longest wait of an unanswered referral; None if none waits.
    """

    area: GridArea
    asked: int
    none: int
    one: int
    longest_wait_days: int | None


def summaries(cells: Sequence[CoverageCell]) -> tuple[AreaSummary, ...]:
    """Return the numbers of each area of the grid, by code."""
    by_area: dict[str, list[CoverageCell]] = defaultdict(list)
    for cell in cells:
        by_area[cell.area.code].append(cell)
    found = []
    for area in grid().values():
        here = by_area[area.code]
        waits = [cell.longest_wait_days for cell in here if cell.longest_wait_days is not None]
        found.append(
            AreaSummary(
                area,
                len(here),
                sum(not cell.agencies for cell in here),
                sum(len(cell.agencies) == 1 for cell in here),
                max(waits, default=None),
            )
        )
    return tuple(found)


def coverage_svg(cells: Sequence[CoverageCell]) -> str:
    """Return the grid as an SVG document."""
    found = summaries(cells)
    width = (max(one.area.column for one in found) + 1) * (_SIDE + _GAP) + _GAP
    height = (max(one.area.row for one in found) + 1) * (_SIDE + _GAP) + _GAP + _HEAD
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'aria-labelledby="title description" font-family="sans-serif">',
        '<title id="title">Services by area</title>',
        f'<desc id="description">{escape(_description(found))}</desc>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{_GAP}" y="26" font-size="20" fill="#000000">Services by area</text>',
        f'<text x="{_GAP}" y="50" font-size="14" fill="#000000">Needs and motivations without a '
        "service, and with one agency alone. The grid is no map.</text>",
    ]
    for one in found:
        lines += _square(one)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _square(one: AreaSummary) -> Iterator[str]:
    x = _GAP + one.area.column * (_SIDE + _GAP)
    y = _HEAD + one.area.row * (_SIDE + _GAP)
    yield (
        f'<rect x="{x}" y="{y}" width="{_SIDE}" height="{_SIDE}" fill="{_fill(one)}" '
        'stroke="#000000"/>'
    )
    texts = [*_wrapped(one.area.name), f"none: {one.none} of {one.asked}", f"one: {one.one}"]
    if one.longest_wait_days is not None:
        texts.append(f"wait: {one.longest_wait_days} days")
    for number, text in enumerate(texts):
        yield (
            f'<text x="{x + 6}" y="{y + 18 + 17 * number}" font-size="13" '
            f'fill="#000000">{escape(text)}</text>'
        )


def _fill(one: AreaSummary) -> str:
    if not one.none:
        return _FILLS[0]
    return _FILLS[1 + min(2, 3 * one.none // max(1, one.asked))]


def _wrapped(name: str) -> list[str]:
    """Return a name in lines that fit into a square."""
    lines = [""]
    for word in name.split():
        joined = f"{lines[-1]} {word}".strip()
        if len(joined) <= _LINE_CHARACTERS:
            lines[-1] = joined
        else:
            lines.append(word)
    return [line for line in lines if line]


def _description(found: Sequence[AreaSummary]) -> str:
    return " ".join(
        f"{one.area.name}: {one.none} of {one.asked} without a service, {one.one} with one agency."
        for one in found
    )
