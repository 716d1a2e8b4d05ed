"""A day's exports of seven agencies, with the usual flaws of real exports.

Each case is first recorded by one agency: a police unit, a council, the reporting centre or the
support service. There are two exports a day, in each agency's own form. Besides good rows they hold
a repeated row, unknown codes, invalid dates, an over-long narrative, files in wrong encodings, a
file that is still being written and one that was cut off.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from adapters.csu import ADAPTER as CSU
from adapters.demo.samples import council, csu, support
from adapters.demo.samples.facts import LONG_NARRATIVE, CaseFacts, case_list
from adapters.demo.samples.sample_rows import SampleRow, spoiled
from adapters.mapping import RowMapping

SEED: Final = 2007
"""Year of the strategy in the story, used as the seed."""
SLICES: Final = 6
"""Number of pieces in which a slow file is written."""

CAMDEN, LEWISHAM = "E09000007", "E09000023"


@dataclass(frozen=True, slots=True)
class Export:
    """One file.

    Attributes:
        agency: id of the exporting agency.
        name: file name.
        content: its bytes.
        rows: the rows in it.
        slices: number of pieces in which it is written.
        refused: whether the file cannot be read as a whole.
        about: its flaw, for the screen.
    """

    agency: str
    name: str
    content: bytes
    rows: Sequence[SampleRow]
    slices: int = 1
    refused: bool = False
    about: str = ""


def first_heard_by(case: CaseFacts) -> str:
    """Return the agency that records a case first."""
    here = "camden" if case.incident.borough == CAMDEN else "lewisham"
    channel = case.incident.reporting_channel
    if channel == "third_party_centre":
        return "lantern-centre"
    if channel == "voluntary":
        return "haven-support"
    return f"council-{here}" if channel == "council" else f"csu-{here}"


def exports_of_day(count: int) -> tuple[list[Export], list[Export]]:
    """Return the morning's and the afternoon's exports.

    Args:
        count: number of cases.
    """
    cases = case_list(SEED, count)
    half = (count + 1) // 2
    return _exports(cases[:half], "morning"), _exports(cases[half:], "afternoon")


def _exports(cases: Sequence[CaseFacts], when: str) -> list[Export]:
    by_agency: dict[str, list[CaseFacts]] = {}
    for case in cases:
        by_agency.setdefault(first_heard_by(case), []).append(case)
    rng = random.Random(f"{SEED} {when}")  # noqa: S311  # flaws of samples
    found: list[Export] = []
    for agency in sorted(by_agency):
        found += _of_agency(rng, agency, by_agency[agency], when)
    return [export for export in found if export.rows]


def _of_agency(rng: random.Random, agency: str, cases: list[CaseFacts], when: str) -> list[Export]:
    if agency.startswith("csu-"):
        return _of_unit(rng, agency, cases, when)
    if agency.startswith("council-"):
        return _of_council(rng, agency, cases, when)
    return _of_service(rng, agency, cases, when)


def _of_unit(rng: random.Random, agency: str, cases: list[CaseFacts], when: str) -> list[Export]:
    morning = when == "morning"
    if morning:
        cases = [_long_winded(cases[0]), *cases[1:]]
    rows = _with_flaws(csu.sample_rows(rng, cases), CSU.mapping)
    name = f"crimes-{when}.csv"
    if agency != "csu-camden":
        content = csu.sample_file(rows, encoding="cp1252")
        return [Export(agency, name, content, rows, about="in the encoding of older clients")]
    content = csu.sample_file(rows)
    if not morning:
        return [Export(agency, name, content, rows)]
    about = "still being written when it is first seen"
    return [Export(agency, name, content, rows, SLICES, about=about)]


def _of_council(rng: random.Random, agency: str, cases: list[CaseFacts], when: str) -> list[Export]:
    rows = council.sample_rows(rng, cases)
    if agency == "council-lewisham":
        about = "CSV with semicolons and a byte order mark"
        content = council.sample_file(rows, "csv")
        return [Export(agency, f"asb-{when}.csv", content, rows, about=about)]
    good = Export(agency, f"asb-{when}.jsonl", council.sample_file(rows), rows)
    if when != "morning":
        return [good]
    odd = council.sample_file(rows, encoding="utf-16")
    about = "in UTF-16, which the council's system never writes"
    return [Export(agency, "asb-unicode.jsonl", odd, rows, refused=True, about=about), good]


def _of_service(rng: random.Random, agency: str, cases: list[CaseFacts], when: str) -> list[Export]:
    centre = agency == "lantern-centre"
    rows = support.sample_rows(rng, cases, reporting_centre=centre)
    name = f"clients-{when}.csv"
    if centre:
        return [Export(agency, name, support.sample_file(rows), rows)]
    content = support.sample_file(rows, encoding="cp1252")
    if when == "morning":
        return [Export(agency, name, content, rows, about="in the encoding of older programs")]
    half = support.sample_file(rows, encoding="cp1252", half_written=True)
    cut = Export(agency, "clients-cut-off.csv", half, rows, about="cut off in its last row")
    return [cut, Export(agency, name, content, rows, about="the same again, whole")]


def _long_winded(case: CaseFacts) -> CaseFacts:
    text = "And again it was said. " * (LONG_NARRATIVE // 23 + 1)
    return replace(
        case, incident=replace(case.incident, narrative=text), services=("emotional_support",)
    )


def _with_flaws(rows: list[SampleRow], mapping: RowMapping) -> list[SampleRow]:
    """Add the seeded flaws, at least one of each kind even if there are few rows."""
    present = {row.flaw for row in rows}
    good = [index for index, row in enumerate(rows) if not row.flaw]
    if "unknown_value" not in present and good:
        rows.append(spoiled(rows[good[-1]], mapping, "unknown_value"))
    if "invalid_date" not in present and good:
        rows.append(spoiled(rows[good[0]], mapping, "invalid_date"))
    if "duplicate" not in present and good:
        rows.append(replace(rows[good[-1]], flaw="duplicate"))
    return rows


def slices_of(export: Export) -> list[bytes]:
    """Return the pieces in which a file is written."""
    size = -(-len(export.content) // export.slices)
    return [export.content[at : at + size] for at in range(0, len(export.content), size)]


def flaws_of(exports: Sequence[Export]) -> Mapping[str, int]:
    """Count the rows with each flaw, in files that can be read."""
    counts: dict[str, int] = {}
    for export in exports:
        for row in export.rows:
            if row.flaw and not export.refused:
                counts[row.flaw] = counts.get(row.flaw, 0) + 1
    return counts
