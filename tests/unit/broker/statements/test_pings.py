"""Form of pings and pongs: fixed sizes, and every part is bound."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.envelope.opening import OpeningKey
from broker.envelope.primitives import lp, sha256
from broker.errors import RefusedError
from broker.judging.key_resolver import OpeningKeys
from broker.statements import pings
from broker.statements.pings import (
    MAX_PING_BYTES,
    PingPlace,
    PongTimes,
    SealedPing,
    open_ping,
    parse_ping,
    seal_ping,
    seal_pong,
)
from broker.tlog.note import format_note, sign_note
from tests.support.founded_partnership import COUNCIL, NOW, POLICE, SUPPORT, founded

CHALLENGE = bytes(range(32))
TIMES = PongTimes(NOW + 1, NOW + 2, NOW + 3)


def place(kind: str = "ping") -> PingPlace:
    there, back = (POLICE, COUNCIL) if kind == "ping" else (COUNCIL, POLICE)
    return PingPlace(kind, founded().deployment, there, back, "0f" * 16, NOW)  # type: ignore[arg-type]  # one of both


def sealed(kind: str = "ping", at: PingPlace | None = None) -> bytes:
    world, at = founded(), at or place(kind)
    key, signer = world.exchange_key(at.to), world.author(at.agency, receipts=True)
    if kind == "ping":
        return seal_ping(at, CHALLENGE, key, signer)
    return seal_pong(at, CHALLENGE, TIMES, key, signer)


def keys(agency: str) -> tuple[OpeningKey, ...]:
    participant = founded().participants[agency]
    return OpeningKeys(agency, founded().manifests, participant.keyring)(NOW)[0]


def code(act: object, *given: object) -> str:
    with pytest.raises(RefusedError) as caught:
        act(*given)  # type: ignore[operator]  # a function
    return caught.value.code


def test_a_ping_is_opened_by_the_asked_agency_only() -> None:
    ping = parse_ping(sealed())
    assert ping.place == place()
    assert open_ping(ping, keys(COUNCIL)) == (CHALLENGE, None)
    assert code(open_ping, ping, keys(SUPPORT)) == "ping_unopenable"


def test_a_pong_repeats_the_bytes_and_adds_three_times() -> None:
    pong = parse_ping(sealed("pong"))
    assert open_ping(pong, keys(POLICE)) == (CHALLENGE, TIMES)


def test_ping_and_pong_have_a_fixed_size() -> None:
    other = replace(place(), id="ab" * 16)
    assert len(sealed()) == len(sealed(at=other)) <= MAX_PING_BYTES
    assert len(parse_ping(sealed("pong")).sealed) == len(parse_ping(sealed()).sealed)


@pytest.mark.parametrize(
    "change",
    [
        {"deployment": "another"},
        {"agency": SUPPORT},
        {"to": SUPPORT},
        {"id": "1f" * 16},
        {"time_ms": NOW + 1},
        {"kind": "pong"},
    ],
)
def test_each_stated_part_is_bound_to_the_seal(change: dict[str, object]) -> None:
    ping = parse_ping(sealed())
    moved = SealedPing(replace(ping.place, **change), ping.note, ping.sealed)  # type: ignore[arg-type]  # members of it
    assert code(open_ping, moved, keys(COUNCIL)) == "ping_unopenable"


def noted(text: bytes, body: bytes) -> bytes:
    signer = founded().author(POLICE, receipts=True)
    return lp(format_note(sign_note(text, [signer])), body)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"concordant.ping/v1", b"concordant.ping/v2"),
        (b"0f0f", b"0F0F"),
        (b"0f0f", b"0f"),
        (str(NOW).encode(), b"0" + str(NOW).encode()),
        (str(NOW).encode(), str(2**53).encode()),
        (b"csu-camden\n", b"csu-camden\nmore\n"),
    ],
)
def test_another_text_is_ping_malformed(old: bytes, new: bytes) -> None:
    ping = parse_ping(sealed())
    assert old in ping.note.text
    assert code(parse_ping, noted(ping.note.text.replace(old, new, 1), ping.sealed)) == (
        "ping_malformed"
    )


def test_another_sealed_part_or_size_is_ping_malformed() -> None:
    ping = parse_ping(sealed())
    for body in (ping.sealed[:-1], ping.sealed + b"x", bytes(len(ping.sealed))):
        assert code(parse_ping, noted(ping.note.text, body)) == "ping_malformed"
    assert code(parse_ping, bytes(MAX_PING_BYTES + 1)) == "ping_malformed"


@pytest.mark.parametrize("kind", ["ping", "pong"])
def test_content_behind_the_known_members_is_ping_malformed(kind: str) -> None:
    at, world = place(kind), founded()
    key, signer = world.exchange_key(at.to), world.author(at.agency, receipts=True)
    full = b"\1" * 64
    value = pings._seal(at, full, key, signer)
    assert code(open_ping, parse_ping(value), keys(at.to)) == "ping_malformed"


@given(st.binary(max_size=3000))
def test_any_bytes_are_refused_with_a_code(value: bytes) -> None:
    assert code(parse_ping, value) in {"ping_malformed", "note_malformed"}


def test_the_hash_of_the_sealed_part_is_signed() -> None:
    ping = parse_ping(sealed())
    assert sha256(ping.sealed).hex().encode() in ping.note.text
