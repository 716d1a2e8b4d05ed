"""The second reader's pings against this software's: form, altered forms, and the sealed part."""

from __future__ import annotations

import json
import random
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from broker.envelope.opening import OpeningKey
from broker.envelope.primitives import WrapOpener, WrapSealer, new_seed
from broker.envelope.sealing import WrapRecipient
from broker.errors import RefusedError
from broker.statements.pings import (
    PingKind,
    PingPlace,
    PongTimes,
    open_ping,
    parse_ping,
    seal_ping,
    seal_pong,
)
from tests.conformance import envelope, keys, pings
from tests.conformance.refusals import MalformedError
from tests.support.founded_partnership import COUNCIL, NOW, POLICE, founded

KID = bytes(range(32))
SEED = new_seed()
BYTES = bytes(range(100, 132))


def made(kind: PingKind) -> bytes:
    """A value that this software makes, sealed to a key whose seed the second reader has."""
    world = founded()
    place = PingPlace(kind, world.deployment, POLICE, COUNCIL, "3c" * 16, NOW)
    key = WrapRecipient(COUNCIL, KID, WrapSealer(envelope.exchange_key(SEED).public))
    signer = world.author(POLICE, receipts=True)
    if kind == "ping":
        return seal_ping(place, BYTES, key, signer)
    return seal_pong(place, BYTES, PongTimes(NOW, NOW + 1, NOW + 2), key, signer)


@pytest.mark.parametrize(("kind", "times"), [("ping", ()), ("pong", (NOW, NOW + 1, NOW + 2))])
def test_the_second_reader_reads_and_opens_both(kind: PingKind, times: tuple[int, ...]) -> None:
    found = pings.read(made(kind))
    ours = parse_ping(made(kind)).place
    assert (found.kind, found.deployment, found.agency, found.to, found.id, found.time) == (
        ours.kind, ours.deployment, ours.agency, ours.to, ours.id, ours.time_ms,
    )  # fmt: skip
    assert pings.opened(found, envelope.exchange_key(SEED), KID) == (BYTES, times)
    assert pings.opened(found, envelope.exchange_key(new_seed()), KID) is None
    assert pings.opened(found, envelope.exchange_key(SEED), bytes(32)) is None


def accepted_by_both(value: bytes) -> bool:
    """Return whether both read a value; they must agree."""
    try:
        parse_ping(value)
        ours = True
    except RefusedError:
        ours = False
    try:
        pings.read(value)
        theirs = True
    except MalformedError:
        theirs = False
    assert ours == theirs, value
    return ours


def test_both_agree_on_altered_values() -> None:
    whole, dice = made("ping"), random.Random(7)
    assert accepted_by_both(whole)
    for _ in range(600):
        altered = bytearray(whole)
        match dice.randrange(3):
            case 0:
                altered[dice.randrange(400)] ^= 1 << dice.randrange(8)
            case 1:
                del altered[dice.randrange(len(altered))]
            case _:
                altered.insert(dice.randrange(400), dice.randrange(256))
        accepted_by_both(bytes(altered))


def test_a_key_id_is_that_of_the_specification() -> None:
    """The context of the seal has the key id by which the manifest lists the key."""
    listed = founded().manifests.exchange_key(COUNCIL, NOW)
    public = listed.sealer().public
    assert keys.kid(keys.EXCHANGE, keys.X_WING, public) == listed.kid


VECTORS: dict[str, Any] = json.loads((Path(__file__).with_name("ping_vectors.json")).read_text())


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_both_answer_the_vectors_as_expected(case: dict[str, Any]) -> None:
    value = bytearray(b64decode(VECTORS["values"][case["of"]]))
    if "flip" in case:
        at, bits = case["flip"]
        value[at] ^= bits
    del value[len(value) - case.get("cut", 0) :]
    value += bytes.fromhex(case.get("add", ""))
    assert accepted_by_both(bytes(value)) is case["read"]
    if not case["read"]:
        return
    seed, kid = bytes.fromhex(VECTORS["seed"]), bytes.fromhex(VECTORS["kid"])
    challenge, times = bytes.fromhex(VECTORS["bytes"]), tuple(case["times"])
    found = pings.read(bytes(value))
    assert (found.kind, found.id, found.time) == (case["of"], VECTORS["id"], VECTORS["time"])
    assert pings.opened(found, envelope.exchange_key(seed), kid) == (challenge, times)
    ours = open_ping(parse_ping(bytes(value)), [OpeningKey(kid, WrapOpener(seed))])
    assert ours == (challenge, PongTimes(*times) if times else None)
