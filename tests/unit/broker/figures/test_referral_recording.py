"""Facts about referrals in the transactions that accept events, over a partnership in memory.

The agencies, their keys, databases and records are real; only Kafka is in memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from adapters.trial_agencies import london_agencies
from broker import pseudonyms
from broker.envelope.primitives import SealBroken
from broker.event import JSON
from broker.figures.counting import Period, ReferralCounts, parse_period
from broker.figures.own_counts import own_counts, own_referrals
from tests.support.founded_partnership import FoundedPartnership, found_with
from tests.support.founding import cheap_scrypt
from tests.support.memory_agency import MemoryAgency
from tests.support.memory_partnership import MemoryPartnership, opened_partnership

POLICE, COUNCIL, CHARITY = "csu-camden", "council-camden", "haven-support"
ALL = (POLICE, COUNCIL, CHARITY)
CASE = "0f3d9a52-6b1c-4e7d-8a90-1c2d3e4f5a6b"
REFERRAL = "e21c7a95-6d40-4b38-9f0e-7b35d8c1a264"
NEXT_REFERRAL = "5a6b7c8d-9e0f-4a1b-8c2d-3e4f5a6b7c8d"
HOUR_MS = 3_600_000


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


def counted(town: MemoryPartnership, agency: str) -> ReferralCounts:
    member = town.members[agency]
    with member.store.reading() as tx:
        found = own_counts(tx, member.secret, town.world.contract, agency, quarter(member))
    assert found is not None
    assert found.referrals is not None
    canonical = orjson.loads(found.canonical())["referrals"]
    assert sum(one["referrals"] for one in canonical["atoms"]) == sum(
        found.referrals.atoms.values()
    )
    return found.referrals


def values(town: MemoryPartnership, agency: str) -> list[dict[str, str]]:
    counts = counted(town, agency)
    return [
        {name: code for name, (code,) in zip(counts.dimensions, atom, strict=True)}
        for atom, number in sorted(counts.atoms.items())
        for _ in range(number)
    ]


async def say(
    town: MemoryPartnership, sender: str, event_type: str, to: list[str], **leaves: JSON
) -> None:
    """Send an event that has these leaves only, one second after the last one."""
    town.members[sender].clock.pass_(1000)  # all have one clock; log times are whole seconds
    absent: dict[str, JSON | None] = {
        path.replace(".", "__"): None for path in town.event(sender, event_type)
    }
    await town.send(sender, event_type, to, **{**absent, "case_id": CASE, **leaves})


async def refer(
    town: MemoryPartnership, sender: str, *to: str, referral: str = REFERRAL, **more: JSON
) -> None:
    leaves: dict[str, JSON] = {
        "referral_id": referral, "requested_service": "advocacy", "urgency": "urgent",
        "incident__borough": "E09000007", "incident__strands": ["race"],
        "incident__record_type": "hate_crime", "consent__statistics": True,
    }  # fmt: skip
    await say(town, sender, "referral.made", list(to), **{**leaves, **more})


async def change(
    town: MemoryPartnership, sender: str, to: str, version: int, before: str, after: str,
    **more: JSON,
) -> None:  # fmt: skip
    await say(
        town, sender, "referral.status-changed", [to], referral_id=REFERRAL, version=version,
        previous_status=before, status=after, **more,
    )  # fmt: skip


async def test_the_sender_alone_counts_a_referral_and_its_answer(town: MemoryPartnership) -> None:
    await refer(town, CHARITY, POLICE)
    town.members[POLICE].clock.pass_(2 * HOUR_MS)
    await change(town, POLICE, CHARITY, 2, "requested", "accepted")
    (found,) = values(town, CHARITY)
    assert found == {
        "source": "support", "recipient": "police", "service": "advocacy", "priority": "urgent",
        "borough": "E09000007", "status": "accepted", "reason": "not-stated",
        "acknowledged": "within-4-hours", "acknowledged_in_time": "in-time",
        "answered": "within-4-hours", "answered_in_time": "in-time",
    }  # fmt: skip
    assert values(town, POLICE) == []


async def test_a_referral_of_a_case_that_another_agency_minted_is_counted_by_its_sender(
    town: MemoryPartnership,
) -> None:
    await refer(town, CHARITY, POLICE)
    await refer(town, POLICE, COUNCIL, referral=NEXT_REFERRAL)
    assert [one["recipient"] for one in values(town, CHARITY)] == ["police"]
    assert [one["recipient"] for one in values(town, POLICE)] == ["council"]
    assert values(town, COUNCIL) == []


async def test_one_event_to_two_agencies_is_two_referrals(town: MemoryPartnership) -> None:
    await refer(town, CHARITY, COUNCIL, POLICE)
    await change(town, POLICE, CHARITY, 2, "requested", "rejected", reason="no_capacity")
    found = {one["recipient"]: one for one in values(town, CHARITY)}
    assert found["council"]["status"] == "requested"
    assert (found["police"]["status"], found["police"]["reason"]) == ("rejected", "no_capacity")


async def test_a_withdrawn_consent_leaves_the_next_counts(town: MemoryPartnership) -> None:
    await refer(town, CHARITY, POLICE)
    await say(
        town, POLICE, "correction.made", [CHARITY], corrects__source=CHARITY,
        corrects__id=NEXT_REFERRAL, reason="consent_withdrawn", consent__statistics=False,
    )  # fmt: skip
    found = counted(town, CHARITY)
    assert (dict(found.atoms), found.without_consent) == ({}, 1)


async def test_a_referral_belongs_to_the_quarter_of_its_sending(town: MemoryPartnership) -> None:
    await refer(town, CHARITY, POLICE)
    member = town.members[CHARITY]
    with member.store.reading() as tx:
        for first_ms, end_ms, number in (
            (0, member.clock(), 0),
            (member.clock(), member.clock() + 1, 1),
            (member.clock() + 1, member.clock() + HOUR_MS, 0),
        ):
            sent = own_referrals(tx, member.secret, town.world.contract, CHARITY, first_ms, end_ms)
            assert len(list(sent)) == number


async def test_two_referrals_of_one_case_can_belong_to_two_quarters(
    town: MemoryPartnership,
) -> None:
    await refer(town, CHARITY, POLICE)
    member = town.members[CHARITY]
    between_ms = member.clock() + 1
    await refer(town, CHARITY, COUNCIL, referral=NEXT_REFERRAL)
    with member.store.reading() as tx:
        for first_ms, end_ms, recipient in (
            (0, between_ms, POLICE),
            (between_ms, member.clock() + 1, COUNCIL),
        ):
            sent = own_referrals(tx, member.secret, town.world.contract, CHARITY, first_ms, end_ms)
            assert [one.recipient for one in sent] == [recipient]


async def test_the_state_has_no_value_of_a_referral_in_the_clear(town: MemoryPartnership) -> None:
    await refer(town, CHARITY, POLICE)
    with sqlite3.connect(town.members[CHARITY].database) as connection:
        rows = connection.execute("SELECT * FROM figure_referral_facts, figure_referrals")
        found = rows.fetchall()
    connection.close()
    assert found
    for text in (CASE, REFERRAL, "E09000007", "advocacy", POLICE):
        assert text not in repr(found)


async def test_a_changed_fact_is_noticed(town: MemoryPartnership) -> None:
    await refer(town, CHARITY, POLICE)
    await change(town, POLICE, CHARITY, 2, "requested", "accepted")
    with sqlite3.connect(town.members[CHARITY].database) as connection:
        contents = connection.execute("SELECT content FROM figure_referral_facts").fetchall()
        connection.execute("UPDATE figure_referral_facts SET content = ?", contents[0])
    connection.close()
    with pytest.raises(SealBroken):
        counted(town, CHARITY)


async def test_an_erased_case_has_no_referral_and_a_late_answer_does_not_bring_it_back(
    town: MemoryPartnership,
) -> None:
    await refer(town, CHARITY, POLICE)
    member = town.members[CHARITY]
    with member.store.transaction() as tx:
        assert tx.figure_referrals.forget_case(pseudonyms.case_key(member.secret, CASE)) == 1
    await change(town, POLICE, CHARITY, 2, "requested", "accepted")
    with member.store.reading() as tx:
        assert list(tx.figure_referrals.between("london-hate-crime", 0, member.clock() + 1)) == []


async def test_referrals_go_after_their_retention_with_the_last_of_the_case(
    town: MemoryPartnership,
) -> None:
    await refer(town, CHARITY, POLICE)
    member = town.members[CHARITY]
    first_ms = member.clock()
    await refer(town, CHARITY, COUNCIL, referral=NEXT_REFERRAL)
    with member.store.transaction() as tx:
        assert tx.figure_referrals.forget_before(first_ms + 1) == 0
        assert tx.figure_referrals.forget_before(member.clock()) == 0
        assert tx.figure_referrals.forget_before(member.clock() + 1) == 2
    assert values(town, CHARITY) == []
