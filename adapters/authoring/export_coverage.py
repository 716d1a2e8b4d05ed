"""Coverage of an agency's mapping by its own last exports: counts, and no value of a row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from adapters.authoring.begin import dry_run
from adapters.authoring.coverage import Coverage
from broker.agency.participant import Participant
from broker.held.quarantine_folder import CONVERTED
from broker.held.reason_file import REASON

MOST_FILES: Final = 3
"""Most exports that are read, the newest ones."""
MOST_ROWS: Final = 2_000
"""Most rows that are read, so that an answer takes a second or two."""
_RESULTS: Final = f".results{CONVERTED}"


@dataclass(frozen=True, slots=True)
class UnknownCodes:
    """Codes of one table that the mapping does not have.

    Attributes:
        table: name of the table in the mapping file.
        codes: number of different codes.
        rows: number of rows with one of them.
        lines: some of their lines.
        shared: codes of the vocabulary that the table may name; empty for a list of its own.
    """

    table: str
    codes: int
    rows: int
    lines: tuple[int, ...]
    shared: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExportCoverage:
    """Counts over the last exports.

    Attributes:
        files: number of files that were read.
        rows: number of rows.
        filled: column -> number of rows with a value.
        unread: number of rows, and of whole files, that could not be read.
        unknown: codes that the mapping does not have, by table.
    """

    files: int
    rows: int
    filled: dict[str, int]
    unread: int
    unknown: tuple[UnknownCodes, ...]


def export_coverage(participant: Participant, now: int) -> ExportCoverage | None:
    """Count columns and codes of the newest exports, those that were refused included.

    Args:
        participant: the agency.
        now: milliseconds since the epoch.

    Returns:
        The counts; None if the adapter has no mapping file, or there is no export.

    Raises:
        ConcordantError: the mapping or the agency's folder cannot be used.
    """
    files = list(islice(_exports(participant), MOST_FILES))
    if not files:
        return None
    trial, document = dry_run(participant.root, None, now)
    if document is None:
        return None
    coverage, unread = Coverage(document), 0
    with closing(trial.rows(files)) as results:
        for result in islice(results, MOST_ROWS):
            if result.row is None:
                unread += 1
            else:
                coverage.add(result.row)
    unknown = tuple(
        UnknownCodes(
            table,
            len(codes),
            sum(use.count for use in codes.values()),
            tuple(sorted({line for use in codes.values() for line in use.lines}))[:5],
            coverage.codes_for(table),
        )
        for table, codes in coverage.unknown().items()
    )
    return ExportCoverage(
        len(files),
        coverage.rows,
        {name: use.filled for name, use in coverage.columns.items()},
        unread,
        unknown,
    )


def _exports(participant: Participant) -> Iterator[Path]:
    """Return files of the folders processed and quarantine, the newest first."""
    folders = participant.config.folders
    found = [
        (path.stat().st_mtime_ns, path)
        for folder in (folders.processed, folders.quarantine)
        if (place := participant.path(folder)).is_dir()
        for path in place.iterdir()
        if path.is_file()
        and not path.is_symlink()
        and not path.name.startswith(".")
        and not path.name.endswith((REASON, _RESULTS))
    ]
    for _, path in sorted(found, key=lambda one: one[0], reverse=True):
        yield path
