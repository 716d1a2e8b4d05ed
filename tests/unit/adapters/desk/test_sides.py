"""The sink `desk`: events are kept encrypted and marked as delivered, and removed in time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.base import Context, MappingError
from adapters.desk import ADAPTER
from adapters.desk.sides import DeskSink, DeskSource
from adapters.wiring import Outside, connect_adapter
from broker.agency.config_rules import require_files_of_a_format
from broker.agency.config_sections import AdapterSection
from broker.agency.participant import load_participant
from broker.errors import ConfigError, StoreError
from broker.observing.health import Readiness
from broker.observing.metrics import Metrics
from broker.operations.checks.settings_checks import adapter as examine_adapter
from broker.operations.desk.keeping import kept_until
from broker.store.database import open_store
from broker.store.desk_rows import NewDeskEventRow
from contracts.durations import DAY_MS
from tests.support.desk_partnership import DeskPartnership, desk_partnership
from tests.support.founded_partnership import COUNCIL, NOW, POLICE, founded


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[DeskPartnership]:
    made = desk_partnership(founded(), tmp_path)
    yield made
    made.close()


def reports(desks: DeskPartnership, agency: str) -> list[tuple[str, str]]:
    """Return (event, state) of what the next report to the police tells."""
    with desks[agency].member.store.transaction() as tx:
        tx.results.begin_report(POLICE, 1, 99)
        return [(row.event_id, row.state) for row in tx.results.of_report(POLICE, 1)]


async def test_a_kept_event_is_delivered_and_nowhere_readable(
    desks: DeskPartnership, tmp_path: Path
) -> None:
    police = desks[POLICE].member
    event_id = police.publish(police.event(to=(COUNCIL,)))
    assert await desks.deliver() == 1
    council = desks[COUNCIL]
    with council.member.store.reading() as tx:
        row = tx.inbox.find(POLICE, str(event_id))
        kept = tx.desk_events.find(POLICE, str(event_id))
    assert row is not None
    assert kept is not None
    assert (row.payload, row.sink_reference, row.delivered_ms) == (None, "desk", desks.clock.now)
    opened = council.desk.contents().open_event(kept)
    assert opened is not None
    assert reports(desks, COUNCIL) == [(event_id, "delivered")]
    assert council.member.store.fold()
    name = str(opened.event.flat["victim.name"]).encode()
    assert name not in (tmp_path / f"{COUNCIL}.db").read_bytes()
    assert await desks.deliver() == 0


async def test_a_row_that_is_moved_to_another_event_does_not_open(desks: DeskPartnership) -> None:
    police = desks[POLICE].member
    for _ in range(2):
        police.publish(police.event(to=(COUNCIL,)))
    await desks.deliver()
    council = desks[COUNCIL]
    with council.member.store.reading() as tx:
        first, second = (
            tx.desk_events.find(POLICE, row.event_id) for row in tx.inbox.received_since(POLICE, 0)
        )
    assert first is not None
    assert second is not None
    with pytest.raises(StoreError) as refusal:
        council.desk.contents().open_event(replace(first, content=second.content))
    assert refusal.value.code == "store_corrupt"


async def test_a_corrupt_event_is_held_and_only_its_case_waits(desks: DeskPartnership) -> None:
    police, council = desks[POLICE].member, desks[COUNCIL]
    case = "c1e2a3b4-0000-4000-8000-000000000001"
    bad = police.publish(police.event(to=(COUNCIL,), case_id=case))
    behind = police.publish(police.event(to=(COUNCIL,), case_id=case))
    other = police.publish(police.event(to=(COUNCIL,)))
    for one in (police,):
        one.relay.take_lock("test")
        await one.relay.resend()
        await one.relay.round()
    desks.wire._opened_by(COUNCIL)
    store = council.member.store
    with store._engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA query_only = OFF")
        connection.exec_driver_sql(
            "UPDATE inbox SET payload = x'7b7d' WHERE event_id = ?", (str(bad),)
        )
    assert council.sink.round() == 3
    with store.reading() as tx:
        assert [(row.event_id, row.code) for row in tx.inbox.held(9)] == [(bad, "store_corrupt")]
        assert tx.desk_events.find(POLICE, str(behind)) is None
        assert tx.desk_events.find(POLICE, str(other)) is not None
    assert council.sink.round() == 0


async def test_content_is_removed_when_the_agreement_says_so(desks: DeskPartnership) -> None:
    police, council = desks[POLICE].member, desks[COUNCIL]
    event_id = str(police.publish(police.event(to=(COUNCIL,))))
    await desks.deliver()
    with council.member.store.transaction() as tx:
        kept = tx.desk_events.find(POLICE, event_id)
        assert kept is not None
        assert kept.expires_ms == kept_until(desks.wire.world.contract, kept.type, desks.clock.now)
        tx.desk_events.add(
            NewDeskEventRow(
                POLICE, "an earlier one", kept.type, kept.case_key, None, False, 1,
                desks.clock.now + DAY_MS, b"content",
            )
        )  # fmt: skip
    assert council.sink.sweep() == (0, 0)
    desks.clock.pass_(DAY_MS)
    assert council.sink.sweep() == (1, 0)
    assert [(one.reason, one.count) for one in council.entries("erasure")] == [
        ("desk_retention.events", 1)
    ]
    desks.clock.now = kept.expires_ms
    assert council.sink.sweep() == (0, 0)  # far past our own manifest: the clock may be wrong


def test_retention_counts_calendar_years() -> None:
    contract = founded().contract
    years = contract.event_types["referral.made"].retention
    assert years is not None
    assert years.recipient_years == 6
    leap_day = 1_709_164_800_000  # 2024-02-29T00:00:00Z
    assert kept_until(contract, "referral.made", leap_day + 5) == 1_898_467_200_005
    assert 6 * 365 * DAY_MS < kept_until(contract, "referral.made", NOW) - NOW < 2193 * DAY_MS


async def test_the_source_shows_life_until_it_is_stopped() -> None:
    stop, turns = asyncio.Event(), 0

    def turned() -> None:
        nonlocal turns
        turns += 1
        stop.set()

    await DeskSource().run(stop, turned)
    assert turns == 1


def test_the_kind_has_no_files() -> None:
    links: object = None
    context = Context(COUNCIL, {}, links)  # type: ignore[arg-type]  # not used
    for call in (
        lambda: ADAPTER.read(b""),
        lambda: ADAPTER.read_back(b""),
        lambda: ADAPTER.to_event(None, context),  # type: ignore[arg-type]  # not used
        lambda: ADAPTER.from_event(None, context),  # type: ignore[arg-type]  # not used
    ):
        with pytest.raises(MappingError) as refusal:
            call()
        assert refusal.value.code == "unknown_kind"


def test_the_kind_chooses_its_sides_unless_others_are_named() -> None:
    alone = AdapterSection(kind="desk")
    assert (alone.source, alone.sink) == ("desk", "desk")
    mixed = AdapterSection(kind="desk", source="http")
    assert (mixed.source, mixed.sink) == ("http", "desk")
    files = AdapterSection(kind="council")
    assert (files.source, files.sink) == ("folder", "folder")


@pytest.mark.parametrize("name", ["folder", "sftp"])
@pytest.mark.parametrize("side", ["source", "sink"])
def test_a_desk_with_files_is_refused(side: str, name: str) -> None:
    section = AdapterSection.model_validate({"kind": "desk", side: name})
    with pytest.raises(ConfigError) as refusal:
        require_files_of_a_format(section, "agency.toml")
    assert (refusal.value.code, refusal.value.where) == (
        "config_invalid",
        f"agency.toml: adapter.{side}",
    )
    require_files_of_a_format(AdapterSection.model_validate({"kind": "csu", side: name}), "x")


async def test_a_running_adapter_has_the_desk_as_its_sides(
    town_desk: Path, desks: DeskPartnership
) -> None:
    participant = load_participant(town_desk, desks.clock.now)
    store = open_store(town_desk / "state" / "concordant.db")
    outside = Outside(
        store,
        desks[COUNCIL].member.transport,  # type: ignore[arg-type]  # not used here
        desks.clock,
        Metrics(),
        Readiness(),
    )
    adapter = connect_adapter(participant, outside, 0.1)
    assert isinstance(adapter.source, DeskSource)
    assert isinstance(adapter.sink, DeskSink)
    assert adapter.api is None
    assert [one.status for one in examine_adapter(town_desk, participant.config)] == ["ok"]
    store.close()


@pytest.fixture
def town_desk(tmp_path: Path) -> Path:
    """Return the folder of a council whose kind of adapter is `desk`."""
    folder = founded().directory(COUNCIL, tmp_path / "folders")
    settings = folder / "agency.toml"
    settings.write_text(settings.read_text().replace('kind = "council"', 'kind = "desk"'))
    return folder
