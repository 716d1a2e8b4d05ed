"""The second reader's heartbeats against this software's: form, altered forms, registry hashes."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest

from broker.envelope.canonical import format_json, parse_json
from broker.errors import RefusedError
from broker.keys.delegation import DelegationChanges
from broker.keys.issuing import ManifestChanges, issue_manifest
from broker.registry import newest_manifests
from broker.registry.manifests import ManifestBook
from broker.registry.newest_manifests import NamedManifest, RegistryHash
from broker.statements.heartbeats import Head, Heartbeat, format_heartbeat, parse_heartbeat
from broker.tlog.note import Note, SignatureLine, parse_note
from tests.conformance import heartbeats
from tests.conformance.refusals import MalformedError
from tests.support.delegated_keys import delegated_again
from tests.support.founded_partnership import COUNCIL, NOW, POLICE, founded
from tests.support.memory_control import authors

LINES = (SignatureLine("a/b", bytes(4), b"x"),)
FIXED = "67d7d00c1f7b02c5aa53bbc9136f7f23d96f4089f6d372a032d21faa69550e26"
"""Registry hash of the deployment `d`, a contract of 32 zero bytes, and two parties."""


def beat() -> Heartbeat:
    return Heartbeat(
        founded().deployment,
        POLICE,
        NOW,
        (Head("t.a", 0, "g1", 3, b"a" * 32), Head("t.b", 1, "g1", 0, b"b" * 32)),
        (12, b"d" * 32),
        NamedManifest(NOW, NOW + 1, b"m" * 32),
        (RegistryHash(b"c" * 32, b"r" * 32), RegistryHash(b"e" * 32, b"s" * 32)),
    )


def accepted_by_both(text: bytes) -> bool:
    """Return whether both read a text; they must agree."""
    deployment = founded().deployment
    try:
        parse_heartbeat(Note(text, LINES), deployment)
        ours = True
    except RefusedError:
        ours = False
    try:
        heartbeats.read(text, deployment)
        theirs = True
    except MalformedError:
        theirs = False
    assert ours == theirs, text
    return ours


def test_the_second_reader_reads_a_heartbeat() -> None:
    text = parse_note(format_heartbeat(beat(), authors(founded(), POLICE))).text
    body = heartbeats.read(text, founded().deployment)
    assert body["manifest"] == {
        "delegation": NOW,
        "hash": (b"m" * 32).hex(),
        "version": NOW + 1,
    }
    assert [one["contract"] for one in body["registry"]] == [
        (b"c" * 32).hex(),
        (b"e" * 32).hex(),
    ]
    assert accepted_by_both(text)


VALUES: tuple[Any, ...] = (0, 1, -1, True, "", "x", "ab" * 32, "AB" * 32, "ab" * 31, [], {}, [1])


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    if isinstance(value, dict | list):
        names = value if isinstance(value, dict) else range(len(value))
        for name in names:
            found += places(value[name], (*at, name))
    return found


def altered(body: Any, seed: int) -> Any:
    """A heartbeat's JSON with one value replaced, removed, repeated or added."""
    chance, body = random.Random(seed), copy.deepcopy(body)
    place = chance.choice(places(body))
    holder = body
    for name in place[:-1]:
        holder = holder[name]
    act = chance.choice(("replace", "replace", "remove", "repeat", "add"))
    if act == "replace":
        holder[place[-1]] = chance.choice(VALUES)
    elif act == "remove":
        del holder[place[-1]]
    elif isinstance(holder, list):
        holder.append(copy.deepcopy(holder[place[-1]]))
    else:
        holder["more" if act == "add" else place[-1]] = holder[place[-1]]
    return body


def test_both_agree_on_altered_heartbeats() -> None:
    first, second, line, _ = parse_note(
        format_heartbeat(beat(), authors(founded(), POLICE))
    ).text.split(b"\n")
    body = parse_json(line)
    answers = []
    for seed in range(600):
        text = b"\n".join((first, second, format_json(altered(body, seed)), b""))
        answers.append(accepted_by_both(text))
    assert 20 < sum(answers) < 300


@pytest.mark.parametrize("count", [64, 65])
def test_both_have_the_same_limit_of_registry_hashes(count: int) -> None:
    first, second, line, _ = parse_note(
        format_heartbeat(beat(), authors(founded(), POLICE))
    ).text.split(b"\n")
    body: Any = parse_json(line)
    body["registry"] = [{"contract": f"{n:064x}", "hash": "ab" * 32} for n in range(count)]
    assert accepted_by_both(b"\n".join((first, second, format_json(body), b""))) == (count == 64)


def test_the_registry_hash_is_the_written_one() -> None:
    parties = {"beta": b"\x01" * 32, "alpha": None}
    assert heartbeats.registry_hash("d", bytes(32), parties).hex() == FIXED


def test_both_compute_one_registry_hash() -> None:
    """With the first delegations, with a newer one, and where a party has none."""
    world = founded()
    before = world.manifests.newest_verified(COUNCIL)
    assert before is not None
    signer = delegated_again(
        world.manifest_signers[COUNCIL], world.governance[COUNCIL], NOW, DelegationChanges()
    )
    newer = world.manifests.adding(issue_manifest(before.manifest, ManifestChanges(), signer, NOW))
    none = ManifestBook(
        world.deployment, [one for one in newer.all() if one.manifest.agency != POLICE]
    )
    found = set()
    for book in (world.manifests, newer, none):
        known = {}
        for party in world.contract.parties:
            newest = book.newest_verified(party.id)
            known[party.id] = None if newest is None else newest.delegation.hash
        theirs = heartbeats.registry_hash(world.deployment, world.signed.hash, known)
        assert newest_manifests.registry_hash(world.signed, book).hash == theirs
        found.add(theirs)
    assert len(found) == 3
