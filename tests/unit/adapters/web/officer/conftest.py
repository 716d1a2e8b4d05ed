"""Fixtures of the officer's pages: an agency of a founded partnership, with a log of two events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.web.people import Role
from adapters.web.serving import WebServer
from broker.agency.participant import load_participant
from broker.operations import contract_signing
from broker.operations.bundles import add_bundles
from broker.operations.contract_revision import revise_contract
from broker.operations.signatories import parse_signatory
from broker.sending.publishing import Publisher
from broker.sending.sealing_context import event_sealer
from broker.store.database import open_store
from contracts.examples import example
from tests.support.founded_partnership import (
    COUNCIL,
    HOUR,
    MADE,
    NOW,
    POLICE,
    FoundedPartnership,
    founded,
)
from tests.support.web_visitor import Visitor
from tests.unit.adapters.web.conftest import Clock

Person = Callable[..., Visitor]


@pytest.fixture
def world() -> FoundedPartnership:
    return founded()


@pytest.fixture
def time() -> Clock:
    return Clock(NOW + HOUR)


@pytest.fixture
def folder(world: FoundedPartnership, tmp_path: Path) -> Path:
    return world.directory(POLICE, tmp_path)


@pytest.fixture
def sent(folder: Path) -> str:
    """Send two referrals of one case; the shared id of the case."""
    participant = load_participant(folder, NOW)
    publisher = Publisher(event_sealer(participant))
    events = [example(founded().contract, POLICE, MADE) for _ in range(2)]
    events[1].data["referral_id"] = "0d1f6a52-93c1-4e8b-a2d4-51c6e09b7f38"
    (folder / participant.config.state.database).parent.mkdir(exist_ok=True)
    store = open_store(folder / participant.config.state.database)
    for number, event in enumerate(events):
        with store.transaction() as tx:
            publisher.publish(tx, event, NOW + number)
    store.close()
    return str(events[0].data["case_id"])


@pytest.fixture
def next_version(folder: Path, world: FoundedPartnership, tmp_path: Path) -> str:
    """Add a version that widens, signed by the council; its SHA-256."""
    council = world.directory(COUNCIL, tmp_path)
    out = tmp_path / "next.yaml"
    values = {
        "event_types.referral.made.retention.recipient_years": "9",
        "review_on": str(world.contract.starts + timedelta(days=90)),
    }
    held = next((council / "contracts").glob("*.yaml"))
    revise_contract(held, add=(), remove=(), values=values, out=out, now=NOW)
    sign(council, out)
    add_bundles(folder, [out], NOW)
    return load_participant(folder, NOW).contracts.awaiting(NOW)[0].hash.hex()


def sign(directory: Path, file: Path) -> Path:
    """Sign a version at the machine with the governance keys; the signature."""
    reviewed = contract_signing.review_signing(directory, file, (), NOW)
    accepted = {one.rule for one in reviewed.findings if one.severity == "warning"}
    person = parse_signatory("Ada Okafor, Director")
    done = contract_signing.sign(reviewed, accepted, now=NOW, signatory=person, shown="shown")
    return done.note_file


@pytest.fixture
def sha256(world: FoundedPartnership) -> str:
    return world.signed.hash.hex()


@pytest.fixture
def server(folder: Path, time: Clock) -> Iterator[WebServer]:
    server = WebServer(folder, time, "127.0.0.1", 0)
    yield server
    server.close()


@pytest.fixture
def person(server: WebServer) -> Person:
    def signed_in(*roles: Role) -> Visitor:
        return Visitor(server).sign_in(*roles)

    return signed_in
