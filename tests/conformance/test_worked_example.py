"""The worked example of docs/spec/envelope.md, recomputed from its text alone."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.conformance import envelope, json_form, merkle
from tests.conformance.conventions import be, lp, parse_time, sha256, write_time
from tests.conformance.envelope import Group, Recipient, SealedValue

TEXT = (Path(__file__).parents[2] / "docs" / "spec" / "envelope.md").read_text()
BLOCK = TEXT.split("<!-- worked example -->")[1].split("```")[1]


def random(name: str, length: int = 32) -> bytes:
    """Bytes of the example that replace random ones."""
    return hashlib.shake_256(f"concordant worked example: {name}".encode()).digest(length)


def stated(name: str) -> str:
    """Value that the block gives beside a name, or in the line below it."""
    found = re.search(rf"^{re.escape(name)}\s+(\S.*)$", BLOCK, re.MULTILINE)
    assert found is not None
    return found.group(1)


@pytest.fixture
def sealed() -> tuple[str, str, SealedValue, list[bytes]]:
    place = re.fullmatch(r"(\S+), source (\S+)", stated("deployment"))
    when = re.fullmatch(r"(\S+), time ([0-9]+)", stated("id"))
    assert place is not None
    assert when is not None
    deployment, source = place.groups()
    value = SealedValue(
        id=when.group(1),
        time=int(when.group(2)),
        contract_hash=sha256(b"the contract file's bytes"),
        groups=(),
        recipients=(),
    )
    ctx = envelope.context(deployment, value, source)
    keys = [random("K_0"), random("K_1")]
    groups = []
    for number, key in enumerate(keys):
        text = stated(f"group {number} JSON").encode()
        plaintext = be(len(text), 4) + text
        plaintext += bytes(envelope.padded_length(len(plaintext)) - len(plaintext))
        block = hashlib.sha512(be(1, 4) + key + lp("concordant/1/group", ctx, be(number, 2)))
        aad = lp("concordant/1/aad", ctx, be(number, 2))
        sealing = AESGCM(block.digest()[:32])
        groups.append(Group(block.digest()[32:], sealing.encrypt(bytes(12), plaintext, aad)))
    return (
        deployment,
        source,
        SealedValue(value.id, value.time, value.contract_hash, tuple(groups), ()),
        keys,
    )


def test_its_groups_have_the_commitments_and_ciphertexts_stated(
    sealed: tuple[str, str, SealedValue, list[bytes]],
) -> None:
    deployment, source, value, keys = sealed
    assert value.contract_hash.hex() == stated("contract hash")
    ctx = envelope.context(deployment, value, source)
    assert ctx.hex() == stated("ctx")
    for number, (group, key) in enumerate(zip(value.groups, keys, strict=True)):
        assert key.hex() == stated(f"K_{number}")
        assert group.commitment.hex() == stated(f"commit_{number}")
        assert f"{sha256(group.ciphertext).hex()} ({len(group.ciphertext)} bytes)" == stated(
            f"H(ct_{number})"
        )
        opened = envelope.open_group(number, group, key, ctx)
        assert opened.decode() == stated(f"group {number} JSON")
        json_form.parse(opened)


def test_its_key_lists_open_and_its_bytes_have_the_leaf_stated(
    sealed: tuple[str, str, SealedValue, list[bytes]],
) -> None:
    deployment, source, value, keys = sealed
    ctx = envelope.context(deployment, value, source)
    recipients = []
    for agency in ("council-camden", "haven-support"):
        recipient = Recipient(
            random(f"wrap {agency}", envelope.WRAP_BYTES),
            bytes.fromhex(stated(f"keys, {agency}\n")),
        )
        recipients.append(recipient)
        kid = bytes.fromhex(stated(f"kid, {agency}\n"))
        assert kid == random(f"kid {agency}")
        assert recipient.key_list[:12] == random(f"nonce {agency}", 12)
        opened = envelope.open_key_list(value, recipient, random(f"S {agency}"), ctx, agency, kid)
        assert opened[0] == keys[0]
        assert opened[1] in (keys[1], envelope.NO_KEY)
    head = b"\x01" + bytes.fromhex(value.id.replace("-", "")) + be(value.time, 8)
    octets = head + value.contract_hash + be(len(value.groups), 2)
    for group in value.groups:
        octets += group.commitment + be(len(group.ciphertext), 4) + group.ciphertext
    octets += be(len(recipients), 2)
    for recipient in sorted(recipients, key=lambda each: each.wrap):
        octets += recipient.wrap + recipient.key_list
    assert merkle.leaf_hash(octets).hex() == stated("leaf")
    assert envelope.parse_value(octets).id == value.id
    assert parse_time(write_time(value.time)) == value.time
