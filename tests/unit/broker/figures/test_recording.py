"""Facts in the transactions that accept events, over a partnership in memory.

The agencies, their keys, databases and records are real; only Kafka is in memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.trial_agencies import london_agencies
from broker import pseudonyms
from broker.envelope.primitives import SealBroken
from broker.event import JSON, OpenedEvent
from broker.figures.counting import CountsOf, Period, parse_period
from broker.figures.own_counts import own_counts
from broker.figures.recording import RETAINED_MS, FactRecorder
from contracts.events import PlainEvent
from tests.support.founded_partnership import FoundedPartnership, found_with
from tests.support.founding import cheap_scrypt
from tests.support.memory_agency import MemoryAgency
from tests.support.memory_partnership import MemoryPartnership, opened_partnership

POLICE, COUNCIL, CPS = "csu-camden", "council-camden", "cps-london"
CHARITY, CENTRE = "haven-support", "lantern-centre"
ALL = (POLICE, COUNCIL, CPS, CHARITY, CENTRE)
CASE = "0f3d9a52-6b1c-4e7d-8a90-1c2d3e4f5a6b"
OTHER = "5a6b7c8d-9e0f-4a1b-8c2d-3e4f5a6b7c8d"
REFERRAL = "e21c7a95-6d40-4b38-9f0e-7b35d8c1a264"
MADE, UPDATED, CORRECTED = "referral.made", "case.updated", "correction.made"


@pytest.fixture(scope="module")
def world() -> FoundedPartnership:
    plans = {plan.id: plan for plan in london_agencies()}
    with cheap_scrypt():
        return found_with([plans[one] for one in ALL])


@pytest.fixture
def town(world: FoundedPartnership, tmp_path: Path) -> Iterator[MemoryPartnership]:
    partnership = opened_partnership(world, tmp_path)
    yield partnership
    partnership.close()


def quarter(member: MemoryAgency) -> Period:
    """The period of the partnership's clock."""
    for year in range(2025, 2028):
        for number in (1, 2, 3, 4):
            period = parse_period(f"{year}-Q{number}")
            if period.first_ms <= member.clock() < period.end_ms:
                return period
    raise AssertionError("the clock of the tests is elsewhere")


def counted(town: MemoryPartnership, agency: str) -> CountsOf:
    member = town.members[agency]
    with member.store.reading() as tx:
        found = own_counts(tx, member.secret, town.world.contract, agency, quarter(member))
    assert found is not None
    return found


def values(counts: CountsOf) -> list[dict[str, tuple[str, ...]]]:
    return [dict(zip(counts.dimensions, atom, strict=True)) for atom in counts.atoms]


async def say(
    town: MemoryPartnership, sender: str, event_type: str, to: str, **leaves: JSON
) -> None:
    """Send an event that has these leaves only."""
    absent: dict[str, JSON | None] = {
        path.replace(".", "__"): None for path in town.event(sender, event_type)
    }
    await town.send(sender, event_type, [to], **{**absent, **leaves})


async def report(
    town: MemoryPartnership, sender: str, to: str, case: str = CASE, **more: JSON
) -> None:
    leaves: dict[str, JSON] = {
        "case_id": case, "referral_id": REFERRAL.replace("e21c7a95", case[:8]),
        "requested_service": "advocacy", "incident__borough": "E09000007",
        "incident__strands": ["race"], "incident__record_type": "hate_crime",
        "incident__reporting_channel": "self", "consent__statistics": True,
    }  # fmt: skip
    await say(town, sender, MADE, to, **{**leaves, **more})


async def update(town: MemoryPartnership, to: str, **leaves: JSON) -> None:
    town.members[POLICE].clock.pass_(1000)  # log times are whole seconds
    await say(town, POLICE, UPDATED, to, case_id=CASE, **leaves)


async def test_a_case_that_three_agencies_know_is_counted_once(town: MemoryPartnership) -> None:
    await report(town, CENTRE, POLICE)
    await update(town, COUNCIL, borough="E09000007")
    totals = {agency: counted(town, agency).cases for agency in ALL}
    assert totals == {CENTRE: 1, POLICE: 0, COUNCIL: 0, CPS: 0, CHARITY: 0}


async def test_an_update_by_another_agency_reaches_the_counts_of_the_agency_that_minted(
    town: MemoryPartnership,
) -> None:
    await report(town, CHARITY, POLICE)
    await update(
        town, CHARITY, record_type="hate_incident", borough="E09000023", outcome="acquitted",
        sentence_uplift=False,
    )  # fmt: skip
    (found,) = values(counted(town, CHARITY))
    assert found["borough"] == ("E09000023",)
    assert found["recorded_as"] == ("hate_incident",)
    assert found["unit_area"] == ("E09000007",)
    assert found["strand"] == ("race",)
    assert found["channel"] == ("self",)
    assert found["source"] == ("support",)
    assert found["uplift"] == ("false",)
    assert found["outcome"] == ("acquitted",)


@pytest.mark.parametrize("late_first", [True, False])
@pytest.mark.parametrize(("ahead_s", "borough"), [(0, "E09000023"), (3600, "E09000019")])
async def test_a_late_record_counts_at_its_own_time_and_none_in_the_future(
    town: MemoryPartnership, late_first: bool, ahead_s: int, borough: str
) -> None:
    """A sender whose clock is ahead would have the last word until its time has come."""
    await report(town, CHARITY, POLICE)
    member, contract = town.members[CHARITY], town.world.contract
    now = member.clock() + 60_000
    key = pseudonyms.case_key(member.secret, CASE)

    def told(source: str, code: str, log_time: int) -> OpenedEvent:
        flat = {"case_id": CASE, "borough": code}
        return OpenedEvent(
            id=OTHER, source=source, type=UPDATED, time="", to=(CHARITY,), flat=flat,
            withheld=(), log_time=log_time,
        )  # fmt: skip

    early = told(POLICE, "E09000019", now // 1000 - 40 + ahead_s)
    late = told(COUNCIL, "E09000023", now // 1000 - 20)
    for event in (late, early) if late_first else (early, late):
        with member.store.transaction() as tx:
            facts = FactRecorder(tx, member.secret, CHARITY)
            facts.received(event, contract, key, now)
            facts.write()
    assert [one["borough"] for one in values(counted(town, CHARITY))] == [(borough,)]
    with member.store.transaction() as tx:  # an own word a second later is the last
        facts = FactRecorder(tx, member.secret, CHARITY)
        data = {"case_id": CASE, "borough": "E09000007"}
        facts.published(PlainEvent(UPDATED, (POLICE,), data), contract, CASE, key, now + 1000)
        facts.write()
    assert [one["borough"] for one in values(counted(town, CHARITY))] == [("E09000007",)]


async def test_an_event_under_another_agreement_says_nothing_about_a_case(
    town: MemoryPartnership,
) -> None:
    await report(town, CHARITY, POLICE)
    member = town.members[CHARITY]
    other = town.world.contract.model_copy(update={"name": "another-agreement"})
    event = PlainEvent(UPDATED, (POLICE,), {"case_id": CASE, "borough": "E09000023"})
    with member.store.transaction() as tx:
        facts = FactRecorder(tx, member.secret, CHARITY)
        key = pseudonyms.case_key(member.secret, CASE)
        facts.published(event, other, OTHER, key, member.clock() + 1)
        facts.write()
    assert [one["borough"] for one in values(counted(town, CHARITY))] == [("E09000007",)]


async def test_a_case_without_consent_is_counted_apart(town: MemoryPartnership) -> None:
    await report(town, CHARITY, POLICE, consent__statistics=False)
    await report(town, CHARITY, POLICE, case=OTHER)
    found = counted(town, CHARITY)
    assert (found.cases, found.without_consent) == (1, 1)


async def test_a_consent_that_another_agency_withdraws_leaves_the_next_counts(
    town: MemoryPartnership,
) -> None:
    await report(town, CHARITY, POLICE)
    assert counted(town, CHARITY).cases == 1
    town.members[POLICE].clock.pass_(1000)  # log times are whole seconds
    await say(
        town, POLICE, CORRECTED, CHARITY, case_id=CASE, corrects__source=CHARITY,
        corrects__id=OTHER, reason="consent_withdrawn", consent__statistics=False,
    )  # fmt: skip
    found = counted(town, CHARITY)
    assert (found.cases, found.without_consent) == (0, 1)


async def test_a_case_belongs_to_one_quarter_also_at_its_edges(town: MemoryPartnership) -> None:
    await report(town, CHARITY, POLICE)
    member, contract = town.members[CHARITY], town.world.contract
    at_ms = member.clock()
    with member.store.reading() as tx:
        for first_ms, end_ms, cases in (
            (0, at_ms, 0),
            (at_ms, at_ms + 1, 1),
            (at_ms + 1, 2**60, 0),
        ):
            period = Period("2026-Q1", first_ms, end_ms)
            found = own_counts(tx, member.secret, contract, CHARITY, period)
            assert found is not None
            assert found.cases == cases
        assert tx.figure_facts.first_minted(contract.name) == at_ms
        assert tx.figure_facts.first_minted("another-agreement") is None


async def test_the_state_has_no_value_of_a_case_in_the_clear(town: MemoryPartnership) -> None:
    await report(town, CHARITY, POLICE)
    with sqlite3.connect(town.members[CHARITY].database) as connection:
        rows = connection.execute("SELECT * FROM figure_cases, figure_facts").fetchall()
    connection.close()
    assert rows
    for text in (CASE, "E09000007", "race", "hate_crime"):
        assert text not in repr(rows)


async def test_a_changed_fact_is_noticed(town: MemoryPartnership) -> None:
    await report(town, CHARITY, POLICE)
    await report(town, CHARITY, POLICE, case=OTHER)
    with sqlite3.connect(town.members[CHARITY].database) as connection:
        contents = [row[0] for row in connection.execute("SELECT content FROM figure_facts")]
        connection.execute("UPDATE figure_facts SET content = ?", (contents[0],))
    connection.close()
    with pytest.raises(SealBroken):
        counted(town, CHARITY)


async def test_an_erased_case_is_not_counted_and_a_late_event_does_not_bring_it_back(
    town: MemoryPartnership,
) -> None:
    await report(town, CHARITY, POLICE)
    member = town.members[CHARITY]
    with member.store.transaction() as tx:
        assert tx.figure_facts.forget_case(pseudonyms.case_key(member.secret, CASE)) == 1
    await update(town, CHARITY, borough="E09000023")
    assert counted(town, CHARITY).cases == 0


async def test_facts_go_after_their_retention_and_a_late_event_counts_nothing(
    town: MemoryPartnership,
) -> None:
    await report(town, CHARITY, POLICE)
    member = town.members[CHARITY]
    for passed, gone in ((RETAINED_MS, 0), (RETAINED_MS + 1, 1)):
        with member.store.transaction() as tx:
            assert (
                tx.figure_facts.forget_facts_before(member.clock() + passed - RETAINED_MS) == gone
            )
    assert counted(town, CHARITY).cases == 0


async def test_an_agreement_without_a_statistics_purpose_keeps_nothing(
    town: MemoryPartnership,
) -> None:
    member, contract = town.members[CHARITY], town.world.contract
    operational = {
        name: purpose.model_copy(update={"kind": "operational"})
        for name, purpose in contract.purposes.items()
    }
    without = contract.model_copy(update={"purposes": operational})
    with member.store.reading() as tx:
        assert own_counts(tx, member.secret, without, CHARITY, quarter(member)) is None
