"""Parts of an event: any set of addressees is divided, and each reader sees one event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from uuid import UUID

import orjson
from hypothesis import example as also
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.envelope.layout import MAX_RECIPIENTS
from broker.envelope.padding import unpad
from broker.envelope.primitives import WrapSealer, sha256
from broker.envelope.sealing import WrapRecipient
from broker.registry.contract_book import ContractBook
from broker.registry.contract_in_force import ContractInForce, contract_in_force
from broker.registry.manifests import ManifestBook
from broker.sending.addressees import Addressees, find_addressees
from broker.sending.sealing import EventSealer
from contracts.events import PlainEvent
from contracts.examples import example
from contracts.loading import parse_contract
from tests.support.envelope_world import Recipient
from tests.support.many_parties import (
    DEPLOYMENT,
    agreement_text,
    governance,
    parties,
    party_ids,
    signed_by_every_party,
)

SENDER = "csu-camden"
PARTIES = 256
OTHERS = tuple(sorted(set(party_ids(PARTIES)) - {SENDER}))
TYPE = "critical-incident.declared"


@cache
def in_force() -> tuple[ContractInForce, int]:
    """An agreement of 256 parties on its second day, and a time of that day."""
    signed = signed_by_every_party(parse_contract(agreement_text(parties(PARTIES)), "256.yaml"), {})
    book = ContractBook(
        deployment=DEPLOYMENT,
        agency=SENDER,
        fingerprints=governance(SENDER).public.fingerprints,
        contracts=[signed],
    )
    now = signed.contract.starts_ms + 86_400_000
    return contract_in_force(book, ManifestBook(DEPLOYMENT), now), now


@cache
def sealer() -> EventSealer:
    wrap = WrapSealer(Recipient("any", sha256(b"seed")).public)

    def key(agency: str, _now: int) -> WrapRecipient:
        return WrapRecipient(agency, sha256(agency.encode()), wrap)

    def addressees(_type: str, addressed: Sequence[str], now: int) -> Addressees:
        return find_addressees(in_force()[0], key, addressed, now)

    return EventSealer(DEPLOYMENT, SENDER, bytes(32), addressees)


@cache
def event() -> PlainEvent:
    return example(in_force()[0].contract, SENDER, TYPE)


@settings(max_examples=25, deadline=None)
@given(addressed=st.lists(st.sampled_from(OTHERS), min_size=1, max_size=len(OTHERS), unique=True))
@also(addressed=list(OTHERS))
@also(addressed=list(OTHERS[:1]))
@also(addressed=list(OTHERS[:MAX_RECIPIENTS]))
@also(addressed=list(reversed(OTHERS[: MAX_RECIPIENTS + 1])))
@also(addressed=list(OTHERS[: 2 * MAX_RECIPIENTS]))
def test_each_addressee_is_in_one_part_and_sees_one_event(addressed: list[str]) -> None:
    now, plain = in_force()[1], PlainEvent(TYPE, tuple(addressed), event().data)
    one = sealer().prepare(plain, now, b"row", leave_out=True)
    parts = [[key.agency for key, _ in part.recipients] for part in one.drafts]

    assert Counter(agency for part in parts for agency in part) == Counter(addressed)
    assert all(0 < len(part) <= MAX_RECIPIENTS for part in parts)
    assert [agency for part in parts for agency in part] == sorted(addressed)
    assert len(parts) == -(-len(addressed) // MAX_RECIPIENTS)
    assert len({part.clear_id for part in one.drafts}) == len(parts)
    for part, to in zip(one.drafts, parts, strict=True):
        head = orjson.loads(unpad(part.plaintexts[0]))
        assert head["to"] == to  # it names the recipients of its own record only
        # what a reader counts by: the event's id, in group 0 or in the clear
        assert head.get("id", str(UUID(bytes=part.clear_id))) == one.event_id
        assert ("id" in head) == (len(parts) > 1)
        assert all(len(keys) == len(part.plaintexts) for _, keys in part.recipients)
