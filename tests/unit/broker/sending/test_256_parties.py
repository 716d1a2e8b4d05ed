"""Protocol test 19: 256 parties, one critical incident to all, and the disk after 44 days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from broker.audit.query import entries_of_log
from broker.control.receipts_kept import ReceiptRules
from broker.envelope.layout import MAX_RECIPIENTS, parse_value
from broker.envelope.primitives import WrapSealer, sha256
from broker.envelope.sealing import WrapRecipient
from broker.errors import RefusedError
from broker.registry.contract_book import ContractBook
from broker.registry.contract_in_force import contract_for_event
from broker.registry.contracts import SignedContract
from broker.sending.addressees import Addressees, find_addressees
from broker.sending.publishing import Publisher
from broker.sending.sealing import EventSealer
from broker.statements.receipts import format_receipt, parse_receipt
from broker.store.database import open_store
from broker.tlog.checkpoint import Origin
from contracts.events import PlainEvent
from contracts.examples import example
from contracts.loading import parse_contract
from tests.support.envelope_world import Recipient
from tests.support.founded_partnership import (
    CAST,
    COUNCIL,
    DAY,
    NOW,
    POLICE,
    PROSECUTION,
    SECOND,
    SUPPORT,
    FoundedPartnership,
    founded,
)
from tests.support.many_parties import agreement_text, parties, signed_by_every_party
from tests.support.memory_agency import Clock, MemoryAgency, cluster

INCIDENT = "critical-incident.declared"
PARTIES = 256
MB = 1_000_000


@pytest.fixture(scope="module")
def signed() -> SignedContract:
    """An agreement of 256 parties; four of them have folders and keys of their own."""
    held = founded().governance
    raw = agreement_text(parties(PARTIES), held=held)
    return signed_by_every_party(parse_contract(raw, "256.yaml"), held)


@pytest.fixture
def world() -> FoundedPartnership:
    return founded()


def book(world: FoundedPartnership, agency: str, signed: SignedContract) -> ContractBook:
    fingerprints = world.governance[agency].public.fingerprints
    return ContractBook(
        deployment=world.deployment,
        agency=agency,
        fingerprints=fingerprints,
        contracts=[signed],
    )


class Many:
    """The sender's view: 252 parties without folders have one exchange key each."""

    def __init__(self, world: FoundedPartnership, signed: SignedContract) -> None:
        self.world = world
        self.contracts = book(world, POLICE, signed)
        self._sealer = WrapSealer(Recipient("any", sha256(b"seed")).public)

    def addressees(self, event_type: str, addressed: Sequence[str], now: int) -> Addressees:
        manifests = self.world.manifests
        in_force = contract_for_event(self.contracts, manifests, event_type, addressed, now)
        return find_addressees(in_force, self.exchange_key, addressed, now)

    def exchange_key(self, agency: str, now: int) -> WrapRecipient:
        if agency in CAST:
            return self.world.exchange_key(agency)
        return WrapRecipient(agency, sha256(agency.encode()), self._sealer)


async def test_one_critical_incident_reaches_each_of_256_parties_once(
    tmp_path: Path, world: FoundedPartnership, signed: SignedContract
) -> None:
    clock, kafka = Clock(), cluster()
    police = MemoryAgency(POLICE, tmp_path / "police.db", kafka, clock)
    many = Many(world, signed)
    sealer = EventSealer(world.deployment, POLICE, police.secret, many.addressees)
    police.publisher = Publisher(sealer)
    police.relay.take_lock("test")
    others = tuple(party.id for party in signed.contract.parties if party.id != POLICE)
    data = example(signed.contract, POLICE, INCIDENT).data

    event_id = police.publish(PlainEvent(INCIDENT, others, data))
    await police.relay.round()

    records = police.log()
    addressed = [len(parse_value(one.value or b"").recipients) for one in records]
    assert addressed == [MAX_RECIPIENTS] * 3 + [len(others) - 3 * MAX_RECIPIENTS]
    assert len({parse_value(one.value or b"").id for one in records}) == len(records)
    with police.store.reading() as tx:
        assert tx.outbox.counts().sent == len(records)
        entries = [one.entry for one in entries_of_log(tx)]
    (entry,) = entries
    assert {agency for share in entry.shares for agency in share.recipients} == set(others)
    for agency in (COUNCIL, PROSECUTION, SUPPORT):
        reader = MemoryAgency(agency, tmp_path / f"{agency}.db", kafka, clock)
        reader.trust_store.believe(book(world, agency, signed), world.manifests)
        batch = reader.take(records)
        assert [one.id for one in batch.opened] == [event_id]
        assert (batch.not_addressed, batch.refused) == (len(records) - 1, [])
        assert reader.inbox() == [event_id]


def test_the_receipts_of_one_sender_over_44_days_are_bounded(
    tmp_path: Path, world: FoundedPartnership
) -> None:
    """Nine agencies vouch twice a day: eight are kept, of each one receipt a day."""
    origin = Origin(world.deployment, POLICE, world.topic(), 0, "0" * 32)
    rules, refused = ReceiptRules(COUNCIL), list[str]()
    store = open_store(tmp_path / "evidence.db")
    signer = world.receipt_cosigner(SUPPORT)
    names = [f"{world.deployment}/agency-{number:02d}" for number in range(9)]
    with store.transaction() as tx:
        for turn in range(2 * 44):
            at = (NOW - 44 * DAY + turn * DAY // 2) // SECOND
            text = format_receipt(origin, turn + 1, sha256(bytes([turn])), signer, at)
            signed = parse_receipt(text)
            for name in names:
                vouched = replace(signed, line=replace(signed.line, name=name))
                try:
                    rules.keep(tx, origin, vouched, text, at)
                except RefusedError as error:
                    refused.append(error.code)
        kept = [
            row
            for name in names
            for row in tx.receipts.times(origin.format(), name.partition("/")[2])
        ]
    store.close()
    assert refused == ["cosigners_many"] * 2 * 44
    assert 8 * 44 <= len(kept) <= 8 * (1 + 48 + 44)
    assert len(kept) * len(text) * 2 * PARTIES < 200 * MB
