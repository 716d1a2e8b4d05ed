"""Heartbeats: one form, and what a head above mine means."""

from __future__ import annotations

import pytest

from broker.envelope.canonical import format_json, parse_json
from broker.envelope.primitives import Ed25519Signer, Ed25519Verifier
from broker.errors import RefusedError
from broker.registry.newest_manifests import NamedManifest, RegistryHash
from broker.statements.heartbeats import (
    HEADING,
    Head,
    Heartbeat,
    format_heartbeat,
    parse_heartbeat,
    withheld,
)
from broker.tlog.note import (
    ED25519,
    Note,
    SignatureLine,
    note_signer,
    note_verifier,
    parse_note,
    verify_note,
)
from tests.support.stream_world import AGENCY, DEPLOYMENT

KEY = Ed25519Signer(bytes(32))
SIGNER = note_signer(f"{DEPLOYMENT}/{AGENCY}", ED25519, KEY)
HEADS = (
    Head("t.a", 0, "g1", 3, b"a" * 32),
    Head("t.a", 1, "g2", 0, b"b" * 32),
    Head("t.b", 0, "g3", 7, b"c" * 32),
)
MANIFEST = NamedManifest(1_749_000_000_000, 1_749_000_060_000, b"m" * 32)
REGISTRY = (RegistryHash(b"c" * 32, b"r" * 32), RegistryHash(b"d" * 32, b"q" * 32))
BEAT = Heartbeat(
    DEPLOYMENT, AGENCY, 1_750_000_000_000, HEADS, (12, b"\xdd" * 32), MANIFEST, REGISTRY
)


def note_with(change: object) -> Note:
    """The honest heartbeat's note with its JSON changed by ``change(body)``."""
    lines = parse_note(format_heartbeat(BEAT, [SIGNER])).text.split(b"\n")
    body = parse_json(lines[2])
    changed = change(body)  # type: ignore[operator]
    lines[2] = format_json(body if changed is None else changed)
    return Note(b"\n".join(lines), (SignatureLine("a/b", bytes(4), b"x"),))


def refused(note: Note, deployment: str = DEPLOYMENT) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_heartbeat(note, deployment)
    assert caught.value.code == "heartbeat_malformed"


def test_a_heartbeat_is_signed_and_read_back() -> None:
    note = parse_note(format_heartbeat(BEAT, [SIGNER]))
    verify_note(note, [note_verifier(SIGNER.name, ED25519, Ed25519Verifier(KEY.public))])
    assert parse_heartbeat(note, DEPLOYMENT) == BEAT


def test_heads_are_written_in_one_order() -> None:
    shuffled = Heartbeat(DEPLOYMENT, AGENCY, BEAT.time, HEADS[::-1], BEAT.log, MANIFEST, REGISTRY)
    assert format_heartbeat(shuffled, [SIGNER]) == format_heartbeat(BEAT, [SIGNER])


def test_an_agency_without_streams_beats_too() -> None:
    silent = Heartbeat(DEPLOYMENT, AGENCY, BEAT.time, (), BEAT.log, MANIFEST)
    assert parse_heartbeat(parse_note(format_heartbeat(silent, [SIGNER])), DEPLOYMENT) == silent


def test_a_heartbeat_of_another_deployment_is_refused() -> None:
    refused(parse_note(format_heartbeat(BEAT, [SIGNER])), "elsewhere")


@pytest.mark.parametrize(
    "text",
    [
        b"\n",
        f"{HEADING}\n{DEPLOYMENT}\n".encode(),
        f"{HEADING}\n{DEPLOYMENT}\n{{}}\n".encode(),
        f"{HEADING}\n{DEPLOYMENT}\nnot json\n".encode(),
        f"{HEADING}\n{DEPLOYMENT}\n[]\n\n".encode(),
        f"{HEADING}\n{DEPLOYMENT}\n1\n".encode(),
    ],
)
def test_another_text_is_refused(text: bytes) -> None:
    refused(Note(text, (SignatureLine("a/b", bytes(4), b"x"),)))


def test_another_heading_is_refused() -> None:
    note = parse_note(format_heartbeat(BEAT, [SIGNER]))
    refused(Note(note.text.replace(b"heartbeat/v1", b"heartbeat/v2"), note.signatures))


def test_text_after_the_json_is_refused() -> None:
    note = parse_note(format_heartbeat(BEAT, [SIGNER]))
    refused(Note(note.text + b"more\n", note.signatures))


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.pop("agency") and None,
        lambda b: b.pop("log") and None,
        lambda b: b.update(more=1),
        lambda b: b.update(agency=1),
        lambda b: b.update(time=-1),
        lambda b: b.update(time=True),
        lambda b: b.update(time="1"),
        lambda b: b.update(log=1),
        lambda b: b.update(log=[]),
        lambda b: b["log"].update(more=1),
        lambda b: b["log"].pop("size") and None,
        lambda b: b["log"].update(size=-1),
        lambda b: b["log"].update(root="00"),
        lambda b: b["log"].update(root=b["log"]["root"].upper()),
        lambda b: b["log"].update(root="zz" * 32),
        lambda b: b["log"].update(root=1),
        lambda b: b.update(heads=1),
        lambda b: b.update(heads="ab"),
        lambda b: b.update(heads={}),
        lambda b: b.update(heads={"a": 1}),
        lambda b: b.update(heads=[1]),
        lambda b: b.update(heads=["a"]),
        lambda b: b["heads"][0].update(more=1),
        lambda b: b["heads"][0].pop("root") and None,
        lambda b: b["heads"][0].update(topic=1),
        lambda b: b["heads"][0].update(generation=1),
        lambda b: b["heads"][0].update(partition=-1),
        lambda b: b["heads"][0].update(size="3"),
        lambda b: b["heads"][0].update(root="00"),
        lambda b: b.pop("manifest") and None,
        lambda b: b.pop("registry") and None,
        lambda b: b.update(manifest=1),
        lambda b: b.update(manifest=[]),
        lambda b: b["manifest"].update(more=1),
        lambda b: b["manifest"].pop("delegation") and None,
        lambda b: b["manifest"].update(version=0),
        lambda b: b["manifest"].update(delegation=0),
        lambda b: b["manifest"].update(version="1"),
        lambda b: b["manifest"].update(hash="00"),
        lambda b: b["manifest"].update(hash=b["manifest"]["hash"].upper()),
        lambda b: b.update(registry=1),
        lambda b: b.update(registry={}),
        lambda b: b.update(registry=[1]),
        lambda b: b["registry"][0].update(more=1),
        lambda b: b["registry"][0].pop("hash") and None,
        lambda b: b["registry"][0].update(contract="00"),
        lambda b: b["registry"].reverse(),
        lambda b: b["registry"].append(b["registry"][-1]),
        lambda b: b.update(
            registry=[{"contract": f"{n:064x}", "hash": "ab" * 32} for n in range(65)]
        ),
        lambda b: b["heads"].reverse(),
        lambda b: b["heads"].append(b["heads"][-1]),
    ],
)
def test_a_heartbeat_has_one_form(change: object) -> None:
    refused(note_with(change))


def test_a_head_above_what_arrived_is_withheld() -> None:
    held = {("t.a", 0, "g1"): 3, ("t.b", 0, "g3"): 5}
    assert withheld(BEAT, held) == ((HEADS[2], 5),)
    assert withheld(BEAT, {}) == ((HEADS[0], 0), (HEADS[2], 0))
    assert withheld(BEAT, {("t.a", 0, "other"): 3, ("t.b", 0, "g3"): 9}) == ((HEADS[0], 0),)
