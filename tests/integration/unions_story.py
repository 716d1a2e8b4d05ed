"""A union of three contributors, one of them away, on any transport."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from adapters.trial_partnership import create_partnership
from broker import pseudonyms
from broker.agency.participant import load_participant
from broker.control.own_unions import SINCE
from broker.event import uuid_text
from broker.figures.counting import Period, quarter_of
from broker.figures.recording import FactRecorder
from broker.figures.unions.held import HeldUnion
from broker.figures.unions.seen_cases import SeenRecorder
from broker.figures.unions.tally import UnionTally
from broker.figures.unions.timing import MAKER_PAUSE_MS, OPENS_MS, TALLY_MS
from broker.figures.unions.tokens import TokenPlace
from broker.service import service
from broker.store.database import open_store
from contracts.durations import HOUR_MS
from contracts.events import PlainEvent
from tests.integration.service_story import Running, until
from tests.support.tallied_partnership import (
    ANALYST,
    CHARITY,
    CONTRIBUTORS,
    COUNCIL,
    POLICE,
    plans,
    terms,
)

CAST = (*CONTRIBUTORS, ANALYST)
RUNNING = (POLICE, CHARITY, ANALYST)
CASES, SHARED = 12, 6
"""Cases that the charity minted, and those of them that the police have seen too."""


class SetClock:
    """A clock that a test sets ahead; it begins an hour before the end of a quarter."""

    def __init__(self) -> None:
        self.period: Period = quarter_of(_wall_ms())
        self._ahead_ms = self.period.end_ms - HOUR_MS - _wall_ms()

    def __call__(self) -> int:
        """The time, ms."""
        return _wall_ms() + self._ahead_ms

    def set(self, after_end_ms: int) -> None:
        """Set it to a time after the end of the quarter."""
        self._ahead_ms = self.period.end_ms + after_end_ms - _wall_ms()


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let services look for what is due without the pauses of production."""
    monkeypatch.setattr(service, "UNIONS_EVERY_S", 0.05)


def found_with_tally(root: Path, deployment: str, clock: SetClock) -> None:
    """Create the partnership, with cases of the quarter in the state of each contributor."""
    create_partnership(root, clock(), agencies=plans(), deployment=deployment, terms=terms())
    ids = [uuid_text(number.to_bytes(16, "big")) for number in range(CASES)]
    for agency in CAST:
        config = root / agency / "agency.toml"
        config.write_text(config.read_text() + "\n[intervals]\nreceipt = 0.1\nheartbeat = 1.0\n")
        minted = ids if agency == CHARITY else []
        seen = {CHARITY: ids, POLICE: ids[:SHARED]}.get(agency, [])
        _record(root / agency, minted, seen, clock())


def _record(folder: Path, minted: Sequence[str], seen: Sequence[str], now: int) -> None:
    """Record cases, as the transactions that accept own events do."""
    participant = load_participant(folder, now)
    contract = participant.contract_in_force(now).contract
    secret = participant.keyring.secret()
    store = open_store(participant.path(participant.config.state.database))
    with store.transaction() as tx:
        tx.meta.set(f"{SINCE}:{contract.name}", (0).to_bytes(8, "big"))
        facts, cases = FactRecorder(tx, secret, participant.agency), SeenRecorder(tx, secret)
        for case in seen:
            key = pseudonyms.case_key(secret, case)
            cases.published(contract, case, key, now)
            if case in minted:
                data = {"case_id": case, "consent": {"statistics": True}}
                event = PlainEvent("referral.made", (POLICE,), data)
                facts.published(event, contract, case, key, now)
        facts.write()
        cases.write()
    store.close()


async def the_share_names_the_contributor_that_was_away(
    root: Path, clock: SetClock, running: Callable[[str], Running]
) -> Mapping[str, Running]:
    """Two contributors send tokens; the third never starts, and its time passes.

    The services end before the clock is set ahead, as a process does not survive such a jump.
    """
    parties = {agency: running(agency) for agency in RUNNING}
    everyone = tuple(parties.values())
    name = load_participant(root / ANALYST, clock()).contract_in_force(clock()).contract.name
    deployment = load_participant(root / ANALYST, clock()).deployment
    place = TokenPlace(deployment, name, clock.period.name)

    def held(agency: str) -> set[tuple[str, str]]:
        store = parties[agency].store
        assert store is not None
        with store.reading() as tx:
            return {(one.part, one.agency) for one in tx.unions.held()}

    def result(agency: str) -> UnionTally | None:
        one = parties[agency]
        assert one.store is not None
        assert one.service is not None
        participant = one.service.participant
        with one.store.reading() as tx:
            union = HeldUnion(tx, participant.keyring.secret(), place, participant.manifests)
            return union.result(ANALYST)

    first = sorted(CONTRIBUTORS).index(POLICE)
    clock.set(OPENS_MS + first * MAKER_PAUSE_MS)  # the council, which is away, had its day
    for one in everyone:
        await one.start()
    tokens = {("tokens", POLICE), ("tokens", CHARITY)}
    await until(lambda: held(ANALYST) == tokens, *everyone, within_s=100)
    assert held(CHARITY) == {("key", POLICE)}
    assert result(ANALYST) is None

    for one in everyone:
        await one.end()
    clock.set(TALLY_MS)
    for one in everyone:
        await one.start()
    await until(lambda: result(ANALYST) is not None, *everyone, within_s=100)
    assert result(ANALYST) == UnionTally((POLICE, CHARITY), 50)
    assert COUNCIL not in {agency for _, agency in held(ANALYST)}
    for agency in (CHARITY, POLICE):
        await until(lambda: result(agency) == result(ANALYST), *everyone, within_s=100)  # noqa: B023
    assert held(ANALYST) == held(POLICE) == held(CHARITY) == {("result", ANALYST)}
    return parties
