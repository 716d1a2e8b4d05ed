"""A refused record of each format is corrected in its file, dropped again, and taken once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from adapters.base import AgencySystem, Context, Export, MappingError, Outgoing, Records, Row
from adapters.formats import Columns, FormatSettings, format_of
from adapters.intake import Intake, Publication
from adapters.sources.watched_folder import FolderSource
from broker.held.quarantine_folder import held_files
from broker.observing.metrics import Metrics
from contracts.events import PlainEvent
from tests.support.founded_partnership import SUPPORT
from tests.support.memory_agency import MemoryAgency

COLUMNS = {
    "csv": Columns(known=("Ref", "Name"), needed=("Ref",)),
    "json": Columns(known=("Ref", "Person.Name")),
    "xml": Columns(known=("Ref", "Person/Name")),
}
SETTINGS: Mapping[str, dict[str, object]] = {
    "csv": {"type": "csv", "delimiter": ";", "header_line": 2},
    "xlsx": {"type": "xlsx", "header_line": 3},
    "ods": {"type": "ods"},
    "json": {"type": "json", "records": "data.cases"},
    "jsonl": {"type": "jsonl"},
    "xml": {"type": "xml", "records": "/Export/Case"},
}


class Adapter:
    """Adapter that makes an event of the test from each known reference."""

    def __init__(self, settings: dict[str, object], events: Mapping[str, PlainEvent]) -> None:
        made = FormatSettings.model_validate(settings)
        self._format = format_of(made)
        self._columns = COLUMNS.get(str(made.type).removesuffix("l"), COLUMNS["csv"])
        self._events = events
        self.suffixes = self._format.suffixes

    def read(self, export: Export, encoding: str | None = None) -> Records:
        return self._format.read(export, self._columns, encoding)

    def write(self, references: Sequence[str]) -> bytes:
        name = self._columns.known[1]
        return self._format.write([{"Ref": r, name: "Zoë"} for r in references], self._columns)

    def to_event(self, row: Row, _context: Context) -> Outgoing:
        reference = str(row.values["Ref"])
        if reference not in self._events:
            raise MappingError("No such code.", code="unknown_value", where=f"line {row.line}")
        return Outgoing(self._events[reference], reference.encode(), row.line)


@pytest.mark.parametrize("name", SETTINGS)
async def test_a_refused_record_is_corrected_in_its_file_and_taken_once(
    name: str, police: MemoryAgency, tmp_path: Path
) -> None:
    events = {f"C-{n}": police.event(to=(SUPPORT,)) for n in range(1, 5)}
    adapter = Adapter(SETTINGS[name], events)
    system = AgencySystem(adapter, police.agency, {})  # type: ignore[arg-type]  # what intake uses of an adapter
    publication = Publication(police.publisher, lambda: None)
    intake = Intake(system, police.store, publication, Metrics(), police.clock)
    drop, quarantine = tmp_path / "import", tmp_path / "quarantine"
    drop.mkdir()
    now = iter(range(0, 1_000, 10))
    source = FolderSource(
        drop,
        processed=tmp_path / "processed",
        quarantine=quarantine,
        suffixes=lambda: adapter.suffixes,
        clock=lambda: float(next(now)),
    )

    async def take() -> None:
        for _ in range(3):
            await source.poll(intake.take)

    def accepted() -> int:
        with police.store.reading() as tx:
            return tx.outbox.counts().pending

    export = f"cases{adapter.suffixes[0]}"
    (drop / export).write_bytes(adapter.write(["C-1", "C-9", "C-2", "C-8", "C-3"]))
    await take()
    assert accepted() == 3
    (item,) = held_files(quarantine, with_reasons=True)
    assert (item.kind, item.count) == ("rows", 2)
    (refused,) = (path for path in quarantine.iterdir() if ".rejected." in path.name)
    assert refused.suffix == (".csv" if name in ("xlsx", "ods") else adapter.suffixes[0])
    content = refused.read_bytes()
    assert b"C-1" not in content

    (drop / refused.name).write_bytes(content.replace(b"C-9", b"C-4"))
    await take()
    assert accepted() == 4
    (drop / f"again{refused.suffix}").write_bytes(content.replace(b"C-9", b"C-4"))
    await take()
    assert accepted() == 4
    assert not list(drop.iterdir())
