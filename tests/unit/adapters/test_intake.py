"""Intake: fields that are left out are reported, and each refusal is logged once."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

import pytest

from adapters.base import AgencySystem, MappingError, Outgoing, Records, Rejected, Row
from adapters.intake import Intake, Publication
from adapters.limits import MAX_REFUSED
from adapters.sources.rejects import piece_bytes
from adapters.sources.source_file import FileChangedError, SourceFile, Verdict
from broker.audit.entries import NewLogEntry, parse_log_entry
from broker.observing.metrics import Metrics
from contracts.decision import without_ungranted
from contracts.errors import EventError
from contracts.events import PlainEvent
from tests.support.founded_partnership import COUNCIL, SUPPORT
from tests.support.memory_agency import MemoryAgency

ADDRESS = "Flat 1, 1 Placeholder Court"


class Adapter:
    """Adapter that makes an event of the test from each line, and none from the line ``?``."""

    suffixes = (".csv",)
    fault: Exception | None = None

    def __init__(self, *events: PlainEvent) -> None:
        self.events = events

    def read(self, export: BinaryIO, _encoding: str | None = None) -> Records:
        return Records(lambda: self._items(export.read()))

    @staticmethod
    def _items(content: bytes) -> Iterator[Row | Rejected]:
        for line, raw in enumerate(content.decode().splitlines(), 1):
            place = (2 * line - 2, 2 * line)
            if raw == "!":
                yield Rejected(line, MappingError("Not a row.", code="row_malformed"), *place)
            else:
                yield Row(line, {"what": raw}, *place)

    def to_event(self, row: Row, _context: object) -> Outgoing:
        what = str(row.values["what"])
        if what == "?":
            raise self.fault or MappingError("Unknown.", code="unknown_value", where="column X")
        return Outgoing(self.events[int(what)], what.encode(), row.line)


def take(
    member: MemoryAgency,
    adapter: Adapter,
    content: bytes,
    *,
    leave_out: bool = True,
    metrics: Metrics | None = None,
) -> Verdict:
    intake = Intake(
        AgencySystem(adapter, member.agency, {}, leave_out=leave_out),  # type: ignore[arg-type]  # what intake uses of an adapter
        member.store,
        Publication(member.publisher, lambda: None),
        metrics or Metrics(),
        member.clock,
    )
    return asyncio.run(intake.take(SourceFile.of("e.csv", content)))


def with_address(member: MemoryAgency, *to: str) -> PlainEvent:
    """A referral with a field that a support service may not read."""
    event = member.event(to=to)
    victim = event.data.setdefault("victim", {})
    assert isinstance(victim, dict)
    victim["address"] = ADDRESS
    return event


def entries(member: MemoryAgency) -> list[NewLogEntry]:
    """Disclosures and refusals in the log."""
    with member.store.reading() as tx:
        found = [parse_log_entry(row.entry) for row in tx.disclosures.read(0, 999)]
    return [entry for entry in found if entry.kind in ("disclosure", "refusal")]


def test_a_field_that_no_recipient_may_read_is_left_out_logged_and_reported(
    police: MemoryAgency,
) -> None:
    event = with_address(police, SUPPORT)
    verdict = take(police, Adapter(event), b"0\n")
    assert (verdict.code, verdict.rows) == ("taken", ())
    assert verdict.left_out is not None
    report = json.loads(verdict.left_out)
    assert report["left_out"] == [
        {
            "field": "victim.address",
            "agency": SUPPORT,
            "reason": "field_not_granted",
            "records": 1,
            "lines": [1],
        }
    ]
    assert ADDRESS not in verdict.left_out.decode()
    (entry,) = entries(police)
    assert entry.left_out == {"victim.address": "field_not_granted"}
    assert police.verify_log() > 0
    with police.store.reading() as tx:
        assert tx.outbox.counts().pending == 1


def test_a_field_that_one_of_them_may_read_goes_to_that_one(police: MemoryAgency) -> None:
    event = with_address(police, SUPPORT, COUNCIL)
    assert take(police, Adapter(event), b"0\n").left_out is None


def test_an_agency_can_have_such_rows_refused(police: MemoryAgency) -> None:
    event = with_address(police, SUPPORT)
    verdict = take(police, Adapter(event), b"0\n", leave_out=False)
    assert (verdict.code, verdict.rows[0].code) == ("rows_refused", "field_not_granted")
    with police.store.reading() as tx:
        assert tx.outbox.counts().pending == 0


def test_sealing_by_hand_refuses_it_still(police: MemoryAgency) -> None:
    with pytest.raises(EventError) as refused:
        police.publish(with_address(police, SUPPORT))
    assert refused.value.code == "field_not_granted"


def test_a_field_that_the_sender_may_not_send_is_left_out_too(police: MemoryAgency) -> None:
    contract = police.world.contract
    terms = contract.event_types["referral.made"]
    event = police.event(to=(COUNCIL,))
    (path,) = [p for p in ("victim.name",) if terms.fields[p].senders == ()]
    narrowed = contract.model_copy(
        update={
            "event_types": {
                **contract.event_types,
                "referral.made": terms.model_copy(
                    update={
                        "fields": {
                            **terms.fields,
                            path: terms.fields[path].model_copy(update={"senders": ("council",)}),
                        }
                    }
                ),
            }
        }
    )
    trimmed, gone = without_ungranted(narrowed, police.agency, event)
    assert [(one.path, one.reason) for one in gone] == [(path, "sender_not_granted")]
    assert "name" not in trimmed.data["victim"]  # type: ignore[operator]  # an object


def test_the_report_is_the_same_when_a_file_is_dropped_again(police: MemoryAgency) -> None:
    adapter = Adapter(with_address(police, SUPPORT))
    first = take(police, adapter, b"0\n")
    assert take(police, adapter, b"0\n").left_out == first.left_out
    assert len(entries(police)) == 1


def test_the_report_of_many_rows_names_some_lines_and_counts_all(police: MemoryAgency) -> None:
    event = with_address(police, SUPPORT)
    verdict = take(police, Adapter(event), b"0\n" * 300)
    assert verdict.left_out is not None
    (one,) = json.loads(verdict.left_out)["left_out"]
    assert (one["records"], len(one["lines"])) == (300, 100)


# --- refusals are logged once --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "code"), [(b"?\n", "unknown_value"), (b"!\n", "row_malformed")]
)
def test_a_file_that_is_tried_again_logs_a_refusal_once(
    police: MemoryAgency, content: bytes, code: str
) -> None:
    metrics = Metrics()
    for _ in range(3):
        verdict = take(police, Adapter(), content, metrics=metrics)
        assert [row.code for row in verdict.rows] == [code]
    assert [entry.reason for entry in entries(police)] == [code]
    assert f'concordant_items_refused_total{{code="{code}"}} 1.0' in metrics.text().decode()


def test_a_row_that_the_contract_refuses_is_logged_once(police: MemoryAgency) -> None:
    event = with_address(police, SUPPORT)
    for _ in range(3):
        take(police, Adapter(event), b"0\n", leave_out=False)
    assert [entry.reason for entry in entries(police)] == ["field_not_granted"]


def test_another_reason_and_another_row_are_logged(police: MemoryAgency) -> None:
    take(police, Adapter(), b"?\n!\n")
    take(police, Adapter(), b"?\n?\n!\n")
    reasons = [entry.reason for entry in entries(police)]
    assert sorted(map(str, reasons)) == ["row_malformed", "row_malformed", "unknown_value"]


def test_after_a_thousand_refused_records_the_rest_is_put_aside_unread(
    police: MemoryAgency,
) -> None:
    metrics = Metrics()
    content = b"!\n" * MAX_REFUSED + b"0\n" + b"!\n"
    event = police.event(to=(COUNCIL,))
    verdict = take(police, Adapter(event), content, metrics=metrics)
    assert (verdict.taken, verdict.code) == (True, "rest_put_aside")
    assert len(verdict.rows) == MAX_REFUSED
    assert f"line {MAX_REFUSED + 1}" in verdict.detail
    pieces = b"".join(piece_bytes(verdict.rest, io.BytesIO(content)))
    assert pieces == b"0\n!\n"
    assert b"".join(piece_bytes(verdict.rejected, io.BytesIO(content))) == b"!\n" * MAX_REFUSED
    assert b"concordant_export_rests_put_aside_total 1.0" in metrics.text()
    with police.store.reading() as tx:
        assert tx.outbox.counts().pending == 0


def test_a_file_of_a_thousand_refused_records_has_no_rest(police: MemoryAgency) -> None:
    metrics = Metrics()
    content = b"0\n" + b"!\n" * MAX_REFUSED
    verdict = take(police, Adapter(police.event(to=(COUNCIL,))), content, metrics=metrics)
    assert (verdict.code, verdict.rest) == ("rows_refused", ())
    assert b"concordant_export_rests_put_aside_total 0.0" in metrics.text()
    with police.store.reading() as tx:
        assert tx.outbox.counts().pending == 1


def test_reading_a_file_that_changes_has_no_effect(police: MemoryAgency) -> None:
    def changed() -> None:
        raise FileChangedError

    file = replace(SourceFile.of("e.csv", b"0\n"), check=changed)
    intake = Intake(
        AgencySystem(Adapter(police.event(to=(COUNCIL,))), police.agency, {}),  # type: ignore[arg-type]  # as above
        police.store,
        Publication(police.publisher, lambda: None),
        Metrics(),
        police.clock,
    )
    with pytest.raises(FileChangedError):
        asyncio.run(intake.take(file))
    with police.store.reading() as tx:
        assert tx.outbox.counts().pending == 0


@pytest.mark.parametrize("fault", [TypeError("Jo Bloggs"), KeyError("Jo"), RecursionError()])
def test_a_fault_of_the_adapter_refuses_its_row_alone(
    police: MemoryAgency, fault: Exception
) -> None:
    """One such row made the whole file fail; corrected, the row is taken (mapping_failed)."""
    adapter = Adapter(police.event(to=(COUNCIL,)), police.event(to=(COUNCIL,)))
    adapter.fault = fault
    content = b"0\n?\n1\n"
    verdict = take(police, adapter, content)
    assert [(row.line, row.code) for row in verdict.rows] == [(2, "mapping_failed")]
    assert "Jo" not in verdict.rows[0].detail
    with police.store.reading() as tx:
        assert tx.outbox.counts().pending == 2
    again = b"".join(piece_bytes(verdict.rejected, io.BytesIO(content)))
    assert again == b"?\n"
    adapter = Adapter(police.event(to=(COUNCIL,)))
    assert take(police, adapter, again.replace(b"?", b"0")).code == "taken"


def test_a_database_that_fails_is_no_fault_of_a_row(police: MemoryAgency) -> None:
    adapter = Adapter(police.event(to=(COUNCIL,)))
    adapter.fault = OSError("disk")
    with pytest.raises(OSError, match="disk"):
        take(police, adapter, b"0\n?\n")
    with police.store.reading() as tx:
        assert tx.outbox.counts().pending == 0
