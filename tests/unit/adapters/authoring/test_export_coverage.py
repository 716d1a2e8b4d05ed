"""Coverage of a mapping by the agency's own last exports: counts, and no value."""

from __future__ import annotations

import csv
from pathlib import Path

from adapters.authoring.begin import document_of
from adapters.authoring.columns_table import column_rows
from adapters.authoring.export_coverage import MOST_FILES, export_coverage
from broker.agency.participant import load_participant
from broker.clock import now_ms

AGENCY, CODED, SECRET = "haven-support", "Gender", "ZZ-SECRET"


def write_export(file: Path, folder: Path) -> None:
    """Write one row with every column of the mapping, of which one has an unknown code."""
    rows = column_rows(document_of(folder, None))
    names = [row.column for row in rows if row.use in {"both", "export"}]
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, names)
        writer.writeheader()
        writer.writerow({**dict.fromkeys(names, ""), CODED: SECRET})


def test_no_export_has_no_coverage(root: Path) -> None:
    now = now_ms()
    assert export_coverage(load_participant(root / AGENCY, now), now) is None


def test_columns_and_unknown_codes_are_counted(root: Path) -> None:
    now, folder = now_ms(), root / AGENCY
    participant = load_participant(folder, now)
    processed = participant.path(participant.config.folders.processed)
    processed.mkdir(exist_ok=True)
    for number in range(MOST_FILES + 2):
        write_export(processed / f"{number}.csv", folder)
    (processed / "1.csv.results.csv").write_text("line,result\n")
    (processed / "4.csv").write_text("Not ours\nx\n")
    found = export_coverage(participant, now)
    assert found is not None
    assert (found.files, found.rows, found.unread) == (MOST_FILES, MOST_FILES - 1, 1)
    assert found.filled[CODED] == MOST_FILES - 1
    (unknown,) = found.unknown
    assert (unknown.codes, unknown.rows) == (1, MOST_FILES - 1)
    assert unknown.shared
    assert SECRET not in str(found)
