"""Names of entries of an import folder: which are never exports, and which endings mark one."""

from __future__ import annotations

import pytest

from broker.agency.entry_names import (
    REPORT_ENDINGS,
    UNFINISHED_ENDINGS,
    name_rule,
    usable_as_marker,
)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        *((name, "system") for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "._a.csv")),
        *((name, "system") for name in (".nfs000012", "$RECYCLE.BIN", "lost+found")),
        *((name, "report") for name in ("a.csv.left-out.json", "a.csv.reason.json")),
        *((name, "unfinished") for name in ("a.csv.part", "a.TMP", "a.csv~", ".a.csv", "~$a.csv")),
        *((name, "unfinished") for name in ("~x", "x.lock", "a.csv.crdownload", "a.filepart")),
        *(
            (name, None)
            for name in ("a.csv", "A.CSV", "part.csv", "lock.csv", "a~b.csv", "caf\xe9")
        ),
        ("caf\udce9.csv", None),
        ("a\n\x1b.csv", None),
    ],
)
def test_parts_of_a_file_name(name: str, rule: str | None) -> None:
    assert name_rule(name) == rule


@pytest.mark.parametrize("ending", [*UNFINISHED_ENDINGS, *REPORT_ENDINGS, ".json", ".CSV", ".Tmp"])
def test_an_ending_of_names_that_are_no_exports_marks_none(ending: str) -> None:
    assert not usable_as_marker(ending)


@pytest.mark.parametrize("ending", [".done", ".ok", ".ready", ".xml", ".DONE"])
def test_another_ending_may_mark_an_export(ending: str) -> None:
    assert usable_as_marker(ending)
