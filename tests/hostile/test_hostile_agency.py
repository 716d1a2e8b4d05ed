"""A malicious party with valid keys: events beyond its contract reach no inbox.

Each item of the hostile agency goes through real receiving (``witness.py``). Attacks with keys,
times and its own sequence are in ``test_hostile_agency_streams.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from broker.envelope import framing
from broker.envelope.layout import format_value, parse_value
from broker.envelope.primitives import (
    HASH_BYTES,
    NONCE_BYTES,
    AeadKey,
    one_step_kdf,
    random_bytes,
)
from broker.envelope.sealing import WrappedSession, WrapRecipient
from broker.receiving.retry_later import DEFER_UNKNOWN_MS
from tests.hostile.witness import Witness, goes_on, honest, ignores, refuses
from tests.support import forged_events as making
from tests.support.colliding_ciphertext import collide
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import (
    CASE,
    COUNCIL,
    MADE,
    MINUTE,
    NOW,
    POLICE,
    PROSECUTION,
    SECOND,
    SUPPORT,
    TODAY,
    FoundedPartnership,
    founded,
)
from tests.support.sent_records import Log

Make = Callable[[str], Witness]


@pytest.fixture
def world() -> FoundedPartnership:
    return founded()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Witness] = []

    def one(agency: str) -> Witness:
        made.append(Witness(agency, tmp_path / "parties"))
        return made[-1]

    yield one
    for witness in made:
        witness.close()


@pytest.fixture
def council(make: Make) -> Witness:
    return make(COUNCIL)


@pytest.fixture
def log() -> Log:
    return Log()


def hidden_group() -> int:
    """A group that the council may not read."""
    return draft_event().may_read[COUNCIL].index(False)


# --- two plaintexts -------------------------------------------------------------------------------


def _two_faced(committed: int) -> bytes:
    """Group 0 is one ciphertext that opens under two keys; each recipient is given one of them."""
    world, draft = founded(), draft_event(to=(COUNCIL, SUPPORT))
    context = framing.event_context(
        framing.context_prefix(world.deployment, draft.contract, POLICE), str(draft.event_id)
    )
    secrets = [[random_bytes(HASH_BYTES)] * 2 for _ in draft.groups]
    secrets[0][1] = random_bytes(HASH_BYTES)
    groups = []
    for index, content in enumerate(draft.contents()):
        info, aad = framing.group_info(context, index), framing.group_aad(context, index)
        first, second = (one_step_kdf(secret, info) for secret in secrets[index])
        if index == 0:
            keys = (first[:HASH_BYTES], second[:HASH_BYTES])
            ciphertext = collide(*keys, aad, draft.pad_group(index, content))
            commitment = (first, second)[committed][HASH_BYTES:]
        else:
            plaintext = draft.pad_group(index, content)
            ciphertext = AeadKey(first[:HASH_BYTES]).seal(bytes(NONCE_BYTES), plaintext, aad)
            commitment = first[HASH_BYTES:]
        groups.append((commitment, ciphertext))
    bound = framing.groups_hash(context, [commitment for commitment, _ in groups])
    entries = []
    for number, agency in enumerate(draft.to):
        key = world.exchange_key(agency)
        session = WrappedSession(world.deployment, draft.contract, POLICE, key, NOW)
        may_read = zip(secrets, draft.may_read[agency], strict=True)
        keys_of = b"".join(pair[number] if may else bytes(HASH_BYTES) for pair, may in may_read)
        nonce = random_bytes(NONCE_BYTES)
        aad = framing.key_list_aad(context, bound, session.tail)
        entries.append((session.wrap, nonce + session.aead.seal(nonce, keys_of, aad)))
    return format_value(draft.event_id.bytes, NOW, draft.contract, groups, sorted(entries))


@pytest.mark.parametrize("committed", [0, 1])
def test_one_ciphertext_with_two_plaintexts_opens_as_neither(
    make: Make, log: Log, committed: int
) -> None:
    """The commitment refuses the other key. The committed plaintext ends with the block that makes
    AES-GCM agree, in the place of the zeros."""
    value = _two_faced(committed)
    for number, agency in enumerate((COUNCIL, SUPPORT)):
        reader, theirs = make(agency), log.copy()
        step, code = (9, "padding_wrong") if number == committed else (8, "commitment_wrong")
        refuses(reader, theirs, value, step, code)


# --- fields and types -----------------------------------------------------------------------------


def test_a_field_beyond_the_grant_is_refused(council: Witness, log: Log) -> None:
    leak = draft_event()
    path, value = next(iter(leak.groups[hidden_group()].items()))
    leak.groups[0][path] = value
    refuses(council, log, leak.value(), 9, "grouping_wrong")


def test_a_key_beyond_the_grant_is_refused_and_nothing_of_it_is_kept(
    council: Witness, log: Log
) -> None:
    generous = draft_event()
    hidden = hidden_group()
    secret = "Quillfeather-Ondine"
    path = next(p for p, v in generous.groups[hidden].items() if isinstance(v, str))
    generous.groups[hidden][path] = secret
    generous.may_read[COUNCIL][hidden] = True
    refuses(council, log, generous.value(), 9, "group_keys_wrong")
    assert secret.encode() not in council.bytes_at_rest()


def test_a_field_that_only_others_may_send_is_refused(make: Make) -> None:
    posing = replace(draft_event(CASE, to=(POLICE, PROSECUTION), publisher=POLICE), source=COUNCIL)
    refuses(make(POLICE), Log(COUNCIL, "b"), posing.value(), 9, "field_not_granted")


def test_a_field_without_the_consent_it_needs_is_refused(council: Witness, log: Log) -> None:
    unasked = draft_event(consent__share_identity=False)
    refuses(council, log, unasked.value(), 9, "consent_missing")


@pytest.mark.parametrize("path", ["case_id", "referral_id"])
def test_an_event_without_a_required_field_is_refused(
    council: Witness, log: Log, path: str
) -> None:
    refuses(council, log, draft_event(without=[path]).value(), 9, "event_invalid")


@pytest.mark.parametrize("first", [True, False])
def test_two_values_of_one_field_in_two_groups_are_refused(
    council: Witness, log: Log, first: bool
) -> None:
    double = draft_event()
    mine = double.may_read[COUNCIL].index(True, 1)
    source, target = (0, mine) if first else (mine, 0)
    path = next(iter(double.groups[source]))
    double.groups[target][path] = "another value"
    refuses(council, log, double.value(), 9, "grouping_wrong")


def test_a_type_that_it_may_not_publish_is_refused(council: Witness) -> None:
    usurped = draft_event(CASE, source=SUPPORT, to=(COUNCIL, POLICE))
    log = Log(SUPPORT, "b")
    batch = council.take(*log.send(usurped.value()))
    assert [(at, s, c) for _, at, s, c in batch.refused] == [(0, 9, "type_not_permitted")]
    assert (council.inbox(), council.quarantined()[0][:3]) == (0, (9, "type_not_permitted", 0))
    goes_on(council, log)


def test_a_recipient_who_may_not_have_the_type_is_refused(council: Witness, log: Log) -> None:
    wrong = draft_event(to=(COUNCIL, PROSECUTION))
    refuses(council, log, wrong.value(), 9, "recipient_not_permitted")


# --- what is others' ------------------------------------------------------------------------------


def test_a_stolen_ciphertext_signed_again_does_not_open(council: Witness, log: Log) -> None:
    stolen = draft_event(to=(COUNCIL,)).value()
    assert len(council.take(*log.send(stolen)).opened) == 1  # and its wrap is remembered
    ignores(council, Log(SUPPORT), stolen)


def test_a_stolen_ciphertext_in_wraps_of_its_own_is_refused(
    council: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader of a group can pass its key on, but cannot send the group as its own event."""
    key = random_bytes(HASH_BYTES)
    real = making.random_bytes
    monkeypatch.setattr(making, "random_bytes", lambda n: key if n == HASH_BYTES else real(n))
    theirs = parse_value(draft_event(to=(COUNCIL, SUPPORT)).value())
    thief = draft_event(source=SUPPORT, to=(COUNCIL,))
    thief = replace(thief, event_id=making.UUID(bytes=theirs.id))
    thief.commitments[0] = theirs.groups[0].commitment
    thief.ciphertexts[0] = lambda _own: theirs.groups[0].ciphertext
    stolen = thief.value()
    monkeypatch.undo()
    refuses(council, Log(SUPPORT), stolen, 8, "commitment_wrong")


def test_the_source_of_another_agency_in_its_own_stream_does_not_open(
    council: Witness, log: Log
) -> None:
    """The source of an event is the agency of its stream, whatever it was sealed for."""
    ignores(council, log, replace(draft_event(to=(COUNCIL,)), source=SUPPORT).value())


def test_anothers_source_under_its_own_wraps_is_refused(
    council: Witness, world: FoundedPartnership, log: Log
) -> None:
    def mine(key: WrapRecipient) -> WrappedSession:
        return WrappedSession(world.deployment, world.signed.hash, POLICE, key, NOW)

    posing = replace(draft_event(to=(COUNCIL,)), source=SUPPORT, session=mine)
    refuses(council, log, posing.value(), 7, "key_list_broken")


# --- contracts ------------------------------------------------------------------------------------


def test_a_contract_that_does_not_name_it_does_not_serve_it(
    council: Witness, world: FoundedPartnership, log: Log
) -> None:
    others = world.another_contract(parties=(PROSECUTION, COUNCIL, SUPPORT))
    council.believe(world.book(COUNCIL, others), world.manifests)
    draft = replace(draft_event(), contract=others.hash)
    refuses(council, log, draft.value(), 6, "not_a_party")


def test_a_contract_that_owns_another_topic_does_not_serve_it(
    council: Witness, world: FoundedPartnership, log: Log
) -> None:
    other = world.another_contract(
        terms=lambda text: text.replace("name: london-hate-crime\n", "name: london-two\n")
    )
    council.believe(world.book(COUNCIL, other), world.manifests)
    refuses(council, log, draft_event(signed=other).value(), 6, "topic_not_owned")


def test_a_contract_without_other_signatures_delays_its_sender_ten_minutes_and_then_the_record(
    council: Witness, world: FoundedPartnership, log: Log
) -> None:
    made_up = world.another_contract(ends=TODAY + timedelta(days=3))
    value = draft_event(signed=made_up).value()
    first, second = log.send_one(honest()), log.send_one(value)
    batch = council.take(first, second)
    assert (len(batch.opened), batch.deferred) == (1, [(POLICE, "contract_unknown")])
    (line,) = council.lines("record_deferred")
    assert (line["agency"], line["code"]) == (POLICE, "contract_unknown")
    later = NOW + DEFER_UNKNOWN_MS + SECOND
    council._offsets[log.topic, 0] = 1  # read again from its own position
    batch = council.take(second, now=later)
    assert [(at, s, c) for _, at, s, c in batch.refused] == [(1, 6, "contract_unknown")]
    assert council.quarantined() == [(6, "contract_unknown", 1, value)]
    after = log.send_one(honest(), later)
    assert len(council.take(after, now=later + MINUTE).opened) == 1
    goes_on(council, log)


@pytest.mark.parametrize("terms", ["contract", "source", "deployment"])
def test_a_session_wrap_under_other_terms_does_not_open(
    council: Witness, world: FoundedPartnership, log: Log, terms: str
) -> None:
    other = world.another_contract(ends=TODAY + timedelta(days=2))
    council.believe(world.book(COUNCIL, other), world.manifests)
    deployment = "pan-leeds" if terms == "deployment" else world.deployment
    contract = other.hash if terms == "contract" else world.signed.hash
    source = SUPPORT if terms == "source" else POLICE
    sessions: dict[str, WrappedSession] = {}

    def reused(key: WrapRecipient) -> WrappedSession:
        made = WrappedSession(deployment, contract, source, key, NOW)
        return sessions.setdefault(key.agency, made)

    if terms == "contract":  # where the wrap is right it opens, and is remembered
        right = replace(draft_event(MADE, to=(COUNCIL,), signed=other), session=reused).value()
        assert len(council.take(*Log(partition=1).send(right)).opened) == 1
    ignores(council, log, replace(draft_event(MADE, to=(COUNCIL,)), session=reused).value())
