"""Faults of an agency's own export: refused with their code; corrected, the row is taken."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.base import AgencyAdapter, Context, MappingError, Rejected, Row
from adapters.council import ADAPTER as COUNCIL
from adapters.council import CSV_ADAPTER
from adapters.formats.encoding import MAX_FILE_BYTES
from adapters.mapping import MemoryLinks
from adapters.sources.source_file import FileReport, SourceFile, Verdict
from adapters.sources.watched_folder import FolderSource

CASE = "5d0d8f8a-54a7-4f7a-9a51-3f4f1f6f8b01"
REFERRAL: dict[str, object] = {
    "action": "NEW_REFERRAL",
    "notify": ["P1"],
    "asb_case_ref": "ASB/2026/0042",
    "referral_ref": "R-77",
    "service_code": "SUP-EMO",
    "priority": "P2",
    "resident_name": "Zoë Testcase",
    "incident_date": "2026-10-03",
    "incident_details": "They said so.",
    "consent_identity": True,
    "consent_police": False,
}
ANSWER: dict[str, object] = {
    "action": "REFERRAL_UPDATE",
    "notify": ["P1"],
    "asb_case_ref": "ASB/2026/0042",
    "referral_ref": "R-77",
    "referral_version": 2,
    "previous_state": "SENT",
    "referral_state": "ACK",
}


def as_json(*records: object) -> bytes:
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records).encode()


def as_csv(*records: dict[str, object]) -> bytes:
    return CSV_ADAPTER._format.write(records, "csv")


@dataclass(frozen=True)
class Bad:
    """An export with one fault, and the export as its author corrects it."""

    content: bytes
    corrected: bytes = as_json(REFERRAL)
    adapter: AgencyAdapter = COUNCIL
    before: bytes = b""
    """An export that was taken before."""


GOOD_CSV = as_csv(REFERRAL)
HEADER = GOOD_CSV.splitlines(keepends=True)[0]
OTHER_REFERENCE = REFERRAL | {"pan_london_case_id": CASE, "asb_case_ref": "ASB/2026/0043"}


def with_(**changes: object) -> bytes:
    return as_json(REFERRAL | changes)


EXPORTS = {
    "invalid_date": Bad(with_(incident_date="2026-13-03")),
    "unknown_value": Bad(with_(service_code="SUP-XXX")),
    "unknown_partner": Bad(with_(notify=["P9"])),
    "missing_value": Bad(with_(asb_case_ref="")),
    "unknown_kind": Bad(with_(action="NONSENSE")),
    "invalid_value": Bad(with_(asb_case_ref="#N/A")),
    "text_too_long": Bad(with_(incident_details="word " * 5_000)),
    "text_encoding": Bad(with_(incident_details="JosÃ©")),
    "unknown_case": Bad(
        as_json(OTHER_REFERENCE),
        as_json(OTHER_REFERENCE | {"asb_case_ref": "ASB/2026/0042"}),
        before=with_(pan_london_case_id=CASE),
    ),
    "unknown_referral": Bad(
        as_json(ANSWER | {"referral_ref": "R-99"}), as_json(ANSWER), before=as_json(REFERRAL)
    ),
    "unknown_column": Bad(with_(resident_shoe_size="9")),
    "row_malformed": Bad(as_json(REFERRAL)[:-9] + b"\n"),
    "file_empty": Bad(b""),
    "file_encoding": Bad(as_json(REFERRAL).decode().encode("utf-16")),
    "file_malformed": Bad(HEADER.replace(b"action", b'"action', 1), GOOD_CSV, CSV_ADAPTER),
    "missing_column": Bad(b"Renee;Secret\r\n1;2\r\n", GOOD_CSV, CSV_ADAPTER),
    "file_too_large": Bad(b"A" * (MAX_FILE_BYTES + 1)),
}


def carry_out(code: str, _: Path) -> None:
    """The faulty export is refused with the code; the corrected one is taken."""
    bad = EXPORTS[code]
    context = Context("council-camden", {"P1": "csu-camden"}, MemoryLinks())
    if bad.before:
        taken(bad.adapter, bad.before, context)
    with pytest.raises(MappingError) as refusal:
        taken(bad.adapter, bad.content, context)
    assert refusal.value.code == code, refusal.value
    assert taken(bad.adapter, bad.corrected, context) == 1


def taken(adapter: AgencyAdapter, content: bytes, context: Context) -> int:
    """Number of events in a whole file. Raises the first refusal."""
    count = 0
    for item in adapter.read(content):
        if isinstance(item, Rejected):
            raise item.error
        assert isinstance(item, Row)
        adapter.to_event(item, context)
        count += 1
    return count


# --- what lies in the import folder --------------------------------------------------------------


class Folder:
    """An import folder, a clock that moves by itself, and what its source reported."""

    def __init__(self, root: Path) -> None:
        self.drop = root / "import"
        self.drop.mkdir()
        self.now = 0.0
        self.fails = False
        self.reports: list[FileReport] = []
        self.source = FolderSource(
            self.drop,
            processed=root / "processed",
            quarantine=root / "quarantine",
            suffixes=lambda: (".csv",),
            report=self.reports.append,
            settle_s=2.0,
            clock=lambda: self.now,
        )

    async def handle(self, _: SourceFile) -> Verdict:
        if self.fails:
            raise KeyError("a fault of the adapter")
        return Verdict(True)

    async def reported(self) -> list[str]:
        """The codes of what is told in half a minute."""
        self.reports.clear()
        for _ in range(15):
            self.now += 2
            await self.source.poll(self.handle)
        return [report.code for report in self.reports]


Act = Callable[[Folder, ExitStack], None]


def drop(name: str, content: bytes = b"x") -> Act:
    def act(folder: Folder, _: ExitStack) -> None:
        (folder.drop / name).write_bytes(content)

    return act


def remove_and_drop(folder: Folder, _: ExitStack) -> None:
    """Remove what was not taken, and drop the file itself."""
    path = folder.drop / "a.csv"
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
    path.write_bytes(b"x")


def linked(folder: Folder, _: ExitStack) -> None:
    target = folder.drop.parent / "elsewhere"
    target.write_bytes(b"x")
    os.link(target, folder.drop / "a.csv")


def link(folder: Folder, _: ExitStack) -> None:
    (folder.drop / "a.csv").symlink_to(folder.drop.parent)


def a_folder(folder: Folder, _: ExitStack) -> None:
    (folder.drop / "a.csv").mkdir()


def being_written(folder: Folder, closing: ExitStack) -> None:
    writer = closing.enter_context((folder.drop / "a.csv").open("wb"))
    writer.write(b"x")
    writer.flush()


def closed(_: Folder, closing: ExitStack) -> None:
    closing.close()


def faulty_adapter(folder: Folder, _: ExitStack) -> None:
    folder.fails = True
    (folder.drop / "a.csv").write_bytes(b"x")


def corrected_adapter(folder: Folder, _: ExitStack) -> None:
    folder.fails = False
    held = folder.drop.parent / "quarantine" / "a.csv"
    held.rename(folder.drop / "a.csv")


def away(folder: Folder, _: ExitStack) -> None:
    folder.drop.rename(folder.drop.with_name("away"))


def there_again(folder: Folder, closing: ExitStack) -> None:
    folder.drop.with_name("away").rename(folder.drop)
    drop("a.csv")(folder, closing)


ENTRIES: dict[str, tuple[Act, Act]] = {
    "folder_unavailable": (away, there_again),
    "file_type_unknown": (drop("a.doc"), drop("a.csv")),
    "hard_link": (linked, remove_and_drop),
    "symlink": (link, remove_and_drop),
    "not_a_file": (a_folder, remove_and_drop),
    "still_open": (being_written, closed),
    "handler_failed": (faulty_adapter, corrected_adapter),
}


async def carry_out_in_folder(code: str, tmp: Path) -> None:
    """The entry is not taken, with the code; what the registry says, done, is taken."""
    folder = Folder(tmp)
    spoil, mend = ENTRIES[code]
    with ExitStack() as closing:
        spoil(folder, closing)
        assert code in await folder.reported()
        mend(folder, closing)
        told = await folder.reported()
        assert told == ["taken"], told
