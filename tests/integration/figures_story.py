"""Counts and listings of three services, one of them away at first, on any transport."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from broker import pseudonyms
from broker.agency.participant import load_participant
from broker.event import uuid_text
from broker.figures.counting import quarter_of
from broker.figures.recording import FactRecorder
from broker.operations.directory.held_listings import all_listings
from broker.operations.figures import release_figures
from broker.releases.release_json import json_of
from broker.service import service
from broker.store.database import open_store
from contracts.events import PlainEvent
from tests.integration.service_story import Running, until

POLICE, COUNCIL, SUPPORT = "csu-camden", "council-camden", "haven-support"
CAST = (POLICE, COUNCIL, SUPPORT)
CASES = {POLICE: 40, COUNCIL: 25, SUPPORT: 30}


def clock() -> int:
    """The real clock, ms."""
    return time.time_ns() // 1_000_000


def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let services look for what is due without the pauses of production."""
    monkeypatch.setattr(service, "LISTING_EVERY_S", 0.05)
    monkeypatch.setattr(service, "COUNTS_EVERY_S", 0.05)


def record_cases(root: Path) -> None:
    """Each agency minted some cases, as the transactions that accept its events record them."""
    for number, (agency, cases) in enumerate(CASES.items()):
        participant = load_participant(root / agency, clock())
        contract = participant.contract_in_force(clock()).contract
        secret = participant.keyring.secret()
        store = open_store(participant.path(participant.config.state.database))
        with store.transaction() as tx:
            facts = FactRecorder(tx, secret, agency)
            for one in range(cases):
                case = uuid_text((1000 * number + one).to_bytes(16, "big"))
                strand = "race" if one % 2 else "religion"
                incident = {
                    "record_type": "hate_crime",
                    "borough": "E09000007",
                    "strands": [strand],
                }
                data = {"case_id": case, "incident": incident, "consent": {"statistics": True}}
                event = PlainEvent("referral.made", CAST[:1], data)
                key = pseudonyms.case_key(secret, case)
                facts.published(event, contract, case, key, clock())
            facts.write()
        store.close()


async def every_party_has_the_same_figures(
    root: Path, running: Callable[[str], Running]
) -> dict[str, Running]:
    """Two services exchange counts, a third one comes later; all three make one release."""
    parties = {agency: running(agency) for agency in CAST}

    def counts_of(reader: str) -> set[str]:
        store = parties[reader].store
        assert store is not None
        with store.reading() as tx:
            return {row.agency for row in tx.figure_counts.held()}

    def listings_of(reader: str) -> set[str]:
        return {one.agency for one in all_listings(root / reader, clock()).held} - {reader}

    first = (parties[POLICE], parties[SUPPORT])
    for one in first:
        await one.start()
    await until(lambda: counts_of(POLICE) == {SUPPORT}, *first, within_s=100)
    await until(lambda: counts_of(SUPPORT) == {POLICE}, *first, within_s=100)
    release = release_figures(root / POLICE, quarter_of(clock()).name, ("strand",), clock())
    assert set(release.published.contributors) == {POLICE, SUPPORT}
    assert set(release.not_counted) == {COUNCIL}

    await parties[COUNCIL].start()
    everyone = tuple(parties.values())
    for agency in CAST:
        others = set(CAST) - {agency}
        await until(lambda: counts_of(agency) == others, *everyone, within_s=100)  # noqa: B023
        await until(lambda: listings_of(agency) == others, *everyone, within_s=100)  # noqa: B023
    tables = {agency: _table(root / agency) for agency in (COUNCIL, SUPPORT)}
    assert tables[COUNCIL] == tables[SUPPORT]
    made = orjson.loads(tables[COUNCIL])
    assert made["totals"]["cases"] == sum(CASES.values())
    assert {agency for one in made["sources"] for agency in one["agencies"]} == set(CAST)
    assert made["agencies_not_counted"] == []
    return parties


def _table(folder: Path) -> bytes:
    """The release of an agency as bytes, without who made it and what it has made before."""
    release = release_figures(folder, quarter_of(clock()).name, ("strand", "source"), clock())
    said = json_of(release)
    for of_the_agency in ("published_by", "compared_with", "notes"):
        del said[of_the_agency]
    return orjson.dumps(said)
