"""Post-quantum evidence, checked by a third, link by link; each link has what breaks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any
from uuid import uuid4

import orjson
import pytest

from broker.audit.evidence import Evidence, format_evidence, parse_evidence
from broker.audit.evidence_ed25519 import check_classical
from broker.audit.evidence_verify import LINKS, LinkError, check_chain
from broker.errors import EvidenceError
from broker.keys.kid import ML_DSA_44, STREAM
from broker.keys.manifest import Manifest, manifest_text, parse_manifest
from broker.registry.manifests import ManifestBook
from broker.statements.heartbeats import format_heartbeat, read_heartbeat
from broker.tlog.note import Note, format_note, parse_note, sign_note
from tests.support.founded_partnership import CAST, DAY, NOW, POLICE, PROSECUTION, SUPPORT, founded
from tests.support.memory_agency import MemoryAgency
from tests.support.memory_control import authors
from tests.unit.broker.audit.shown_evidence import show, tell, without_key


async def send(member: MemoryAgency, count: int, case: str) -> list[str]:
    return await member.send(count, case_id=case)


@pytest.fixture
async def case() -> str:
    return str(uuid4())


# --- checked -------------------------------------------------------------------------------------


def known(_evidence: Evidence) -> str:
    return "known"


def check(
    evidence: Evidence, by: str = PROSECUTION, manifests: ManifestBook | None = None
) -> tuple[str, str]:
    """(the link that does not hold, its code), both empty if all do."""
    world = founded()
    contracts = world.participants[by].contracts
    links = check_chain(evidence, contracts, manifests or world.manifests, known)
    assert tuple(link.name for link in links) == LINKS[: len(links)]
    assert all(link.holds for link in links[:-1])
    last = links[-1]
    if last.holds:
        assert len(links) == len(LINKS)
        return "", ""
    return last.name, last.code


@pytest.fixture
async def evidence(police: MemoryAgency, case: str) -> Evidence:
    """Of the third of seven events."""
    published = await send(police, 7, case)
    tell(police, NOW)
    return show(police, published[2])[0]


def changed(evidence: Evidence, **members: Any) -> Evidence:
    """With some members changed; ``head__size=3`` reaches into a part."""
    document = evidence.model_dump(mode="json")
    for name, value in members.items():
        part, _, inner = name.partition("__")
        if inner:
            document[part][inner] = value
        else:
            document[part] = value
    return Evidence.model_validate(document)


def heartbeat(evidence: Evidence, signers: str = POLICE, **changes: Any) -> str:
    """The heartbeat with changes, signed again."""
    _, beat = read_heartbeat(evidence.heartbeat.encode(), evidence.deployment)
    beat = replace(beat, **changes)
    return format_heartbeat(beat, authors(founded(), signers)).decode()


def lines(note: str, keep: Callable[[int], bool]) -> str:
    """A note with only some of its signature lines, by the length of the signature."""
    parsed = parse_note(note.encode())
    kept = tuple(line for line in parsed.signatures if keep(len(line.signature)))
    return format_note(Note(parsed.text, kept)).decode()


def spoiled(note: str, length: int) -> str:
    parsed = parse_note(note.encode())
    found = tuple(
        replace(line, signature=bytes(length)) if len(line.signature) == length else line
        for line in parsed.signatures
    )
    assert found != parsed.signatures
    return format_note(Note(parsed.text, found)).decode()


ED25519_BYTES, ML_DSA_44_BYTES, ML_DSA_65_BYTES = 64, 2420, 3309


@pytest.mark.parametrize("agency", CAST)
def test_every_party_finds_that_it_holds(evidence: Evidence, agency: str) -> None:
    assert check(evidence, agency) == ("", "")
    assert check(parse_evidence(format_evidence(evidence)), agency) == ("", "")


def test_no_link_needs_a_classical_signature(evidence: Evidence) -> None:
    bare = changed(
        evidence,
        manifest=lines(evidence.manifest, lambda length: length == ML_DSA_65_BYTES),
        heartbeat=lines(evidence.heartbeat, lambda length: length == ML_DSA_44_BYTES),
        classical=None,
    )
    assert bare != evidence
    assert check(bare) == ("", "")
    forged = changed(
        evidence,
        manifest=spoiled(evidence.manifest, ED25519_BYTES),
        heartbeat=spoiled(evidence.heartbeat, ED25519_BYTES),
    )
    assert check(forged) == ("", "")


@pytest.mark.parametrize(
    "members",
    [
        {"contract__sha256": "00" * 32},
        {"contract__name": "other"},
        {"contract__version": "9.9.9"},
        {"deployment": "elsewhere"},
    ],
)
def test_link_1_a_contract_that_we_did_not_sign(evidence: Evidence, members: Any) -> None:
    assert check(changed(evidence, **members)) == ("contract", "contract_unknown")


def test_link_1_an_agency_that_the_contract_does_not_name(evidence: Evidence) -> None:
    assert check(changed(evidence, agency="cps-paris")) == ("contract", "not_a_party")


def test_link_2_a_manifest_that_the_pinned_key_has_not_signed(evidence: Evidence) -> None:
    classical = lines(evidence.manifest, lambda length: length == ED25519_BYTES)
    for note in (classical, spoiled(evidence.manifest, ML_DSA_65_BYTES)):
        found = check(changed(evidence, manifest=note))
        assert found == ("manifest", "manifest_signature_invalid")
    theirs = founded().manifests.history(SUPPORT)[-1].raw.decode()
    found = check(changed(evidence, manifest=theirs))
    assert found == ("manifest", "manifest_signature_invalid")


def test_link_2_what_is_no_manifest(evidence: Evidence) -> None:
    for note in ("x", evidence.heartbeat):
        assert check(changed(evidence, manifest=note)) == ("manifest", "manifest_malformed")


def test_link_2_a_manifest_for_too_long(evidence: Evidence) -> None:
    manifest = parse_manifest(evidence.manifest.encode()).manifest
    found = check(changed(evidence, manifest=signed_anew(manifest, expires=NOW + 40 * DAY)))
    assert found == ("manifest", "manifest_dates_invalid")


def test_link_2_a_manifest_that_speaks_of_another_agency(evidence: Evidence) -> None:
    manifest = parse_manifest(evidence.manifest.encode()).manifest
    found = check(changed(evidence, manifest=signed_anew(manifest, agency=SUPPORT)))
    assert found == ("manifest", "manifest_foreign")


def signed_anew(manifest: Manifest, **update: Any) -> str:
    """A manifest that no honest agency would sign, signed by the police's manifest keys."""
    text = manifest_text(manifest.model_copy(update=update))
    keys = founded().manifest_signers[POLICE]
    return (keys.delegation.raw + format_note(sign_note(text, keys.note_signers()))).decode()


def test_link_3_a_key_that_the_manifest_does_not_list(evidence: Evidence) -> None:
    assert check(changed(evidence, stream_key="00" * 32)) == ("stream key", "key_unknown")
    manifest = parse_manifest(evidence.manifest.encode()).manifest
    classical = manifest.keys_of(STREAM, "ed25519")[0].kid.hex()
    assert check(changed(evidence, stream_key=classical)) == ("stream key", "key_unknown")


def test_link_3_a_key_that_was_not_valid_then(evidence: Evidence) -> None:
    manifest = parse_manifest(evidence.manifest.encode()).manifest
    (key,) = manifest.keys_of(STREAM, ML_DSA_44)
    for moment in (key.not_before - 1, key.not_after):
        found = check(changed(evidence, heartbeat=heartbeat(evidence, time=moment)))
        assert found == ("stream key", "key_not_valid")
    others = tuple(k for k in manifest.keys if k is not key)
    lasting = key.model_copy(update={"not_after": key.not_before + 91 * DAY})
    found = check(changed(evidence, manifest=signed_anew(manifest, keys=(*others, lasting))))
    assert found == ("stream key", "key_not_valid")


def test_link_3_a_manifest_that_had_expired_then(evidence: Evidence) -> None:
    manifest = parse_manifest(evidence.manifest.encode()).manifest
    late = heartbeat(evidence, time=manifest.expires)
    assert check(changed(evidence, heartbeat=late)) == ("stream key", "manifest_expired")


def test_link_3_a_key_that_is_revoked(evidence: Evidence) -> None:
    revoked = without_key(founded())
    assert check(evidence, manifests=revoked) == ("stream key", "key_revoked")
    manifest = parse_manifest(evidence.manifest.encode()).manifest
    told = revoked.history(POLICE)[-1].manifest.revocations
    found = check(changed(evidence, manifest=signed_anew(manifest, revocations=told)))
    assert found == ("stream key", "key_revoked")


def test_link_3_a_key_under_another_ones_id(evidence: Evidence) -> None:
    manifest = parse_manifest(evidence.manifest.encode()).manifest
    (key,) = manifest.keys_of(STREAM, ML_DSA_44)
    (theirs,) = founded().manifests.history(SUPPORT)[-1].manifest.keys_of(STREAM, ML_DSA_44)
    others = tuple(k for k in manifest.keys if k is not key)
    posing = key.model_copy(update={"public": theirs.public})
    found = check(changed(evidence, manifest=signed_anew(manifest, keys=(*others, posing))))
    assert found == ("stream key", "key_unknown")


def test_link_3_a_key_without_proof_of_possession(evidence: Evidence) -> None:
    manifest = parse_manifest(evidence.manifest.encode()).manifest
    (key,) = manifest.keys_of(STREAM, ML_DSA_44)
    others = tuple(k for k in manifest.keys if k is not key)
    bare = key.model_copy(update={"possession": bytes(ML_DSA_44_BYTES)})
    found = check(changed(evidence, manifest=signed_anew(manifest, keys=(*others, bare))))
    assert found == ("stream key", "possession_invalid")


def test_link_3_what_is_no_heartbeat(evidence: Evidence) -> None:
    assert check(changed(evidence, heartbeat="x")) == ("stream key", "note_malformed")
    found = check(changed(evidence, heartbeat=evidence.manifest))
    assert found == ("stream key", "heartbeat_malformed")


def test_link_4_a_heartbeat_that_the_key_has_not_signed(evidence: Evidence) -> None:
    classical = lines(evidence.heartbeat, lambda length: length == ED25519_BYTES)
    theirs = heartbeat(evidence, signers=SUPPORT)
    for note in (classical, spoiled(evidence.heartbeat, ML_DSA_44_BYTES), theirs):
        assert check(changed(evidence, heartbeat=note)) == ("heartbeat", "signature_wrong")


def test_link_4_one_changed_byte_of_the_heartbeat(evidence: Evidence) -> None:
    altered = evidence.heartbeat.replace(f'"time":{NOW}', f'"time":{NOW + 1}')
    assert altered != evidence.heartbeat
    assert check(changed(evidence, heartbeat=altered)) == ("heartbeat", "signature_wrong")


@pytest.mark.parametrize(
    "members",
    [
        {"head__size": 8},
        {"head__root": "00" * 32},
        {"head__generation": "0"},
        {"head__topic": "t"},
        {"head__partition": 99},
    ],
)
def test_link_5_a_head_that_the_heartbeat_does_not_name(evidence: Evidence, members: Any) -> None:
    assert check(changed(evidence, **members)) == ("head", "head_unknown")


def test_link_5_a_heartbeat_that_speaks_for_another_agency(evidence: Evidence) -> None:
    posing = heartbeat(evidence, agency=SUPPORT)
    assert check(changed(evidence, heartbeat=posing)) == ("head", "origin_wrong")


def test_link_6_a_path_that_leads_elsewhere(evidence: Evidence) -> None:
    path = list(evidence.path)
    for members in (
        {"leaf": "00" * 32},
        {"index": evidence.index + 1},
        {"index": evidence.head.size},
        {"path": path[:-1]},
        {"path": [*path, "00" * 32]},
        {"path": ["00" * 32, *path[1:]]},
        {"path": path[::-1]},
    ):
        assert check(changed(evidence, **members)) == ("path", "not_included")


def test_link_7_a_leaf_that_is_not_the_events(evidence: Evidence) -> None:
    def stranger(_evidence: Evidence) -> str:
        raise LinkError("leaf_wrong", "another")

    contracts = founded().participants[PROSECUTION].contracts
    links = check_chain(evidence, contracts, founded().manifests, stranger)
    assert (links[-1].name, links[-1].code, len(links)) == ("event", "leaf_wrong", 7)


# --- beside it -----------------------------------------------------------------------------------


def test_the_classical_checkpoint_is_shown_beside_the_chain(evidence: Evidence) -> None:
    link = check_classical(evidence, founded().manifests)
    assert link is not None
    assert link.holds
    assert "Ed25519" in link.detail
    assert check_classical(changed(evidence, classical=None), founded().manifests) is None


def test_a_classical_checkpoint_that_does_not_hold_is_said_and_decides_nothing(
    evidence: Evidence, police: MemoryAgency
) -> None:
    assert evidence.classical is not None
    checkpoint = evidence.classical.checkpoint
    path = list(evidence.classical.path)
    other = checkpoint.replace(POLICE, SUPPORT, 1)
    for members, code in (
        ({"classical__checkpoint": spoiled(checkpoint, 72)}, "key_not_valid"),
        ({"classical__checkpoint": "x"}, "signature_wrong"),
        ({"classical__checkpoint": other}, "origin_wrong"),
        ({"classical__path": path[:-1]}, "not_included"),
    ):
        broken = changed(evidence, **members)
        link = check_classical(broken, founded().manifests)
        assert link is not None
        assert link.code == code
        assert check(broken) == ("", "")
    empty = check_classical(evidence, ManifestBook(evidence.deployment))
    assert empty is not None
    assert empty.code == "key_unknown"


# --- the document --------------------------------------------------------------------------------


async def test_it_holds_nothing_of_what_the_event_says(police: MemoryAgency, case: str) -> None:
    (event,) = await send(police, 1, case)
    tell(police, NOW)
    document = format_evidence(show(police, event)[0])
    for word in (case.encode(), b"referral", b"victim", b"council-camden", b'to":'):
        assert word not in document


def test_a_document_has_one_form(evidence: Evidence) -> None:
    document = evidence.model_dump(mode="json", exclude_none=True)

    def refused(value: object) -> None:
        with pytest.raises(EvidenceError) as caught:
            parse_evidence(value if isinstance(value, bytes) else orjson.dumps(value))
        assert caught.value.code == "evidence_malformed"
        assert "7d0f" not in str(caught.value)

    assert parse_evidence(orjson.dumps(document)) == evidence

    for name in document:
        if name != "classical":
            refused({key: value for key, value in document.items() if key != name})
        refused({**document, name: None} if name != "classical" else {**document, name: 1})
    refused({**document, "more": 1})
    refused({**document, "format": "concordant.evidence/v2"})
    refused({**document, "index": "2"})
    refused({**document, "index": -1})
    refused({**document, "leaf": "AB" * 32})
    refused({**document, "path": ["00" * 32] * 64})
    refused([])
    refused(b"{")
    refused(b" " * (2**21 + 1))


@pytest.mark.parametrize("member", ["agency", "head", "size", "format"])
def test_a_document_that_repeats_a_member_is_refused(evidence: Evidence, member: str) -> None:
    """Another reader could take the other one of the two."""
    text = orjson.dumps(orjson.loads(format_evidence(evidence))).decode()
    name = f'"{member}":'
    twice = text.replace(name, f'{name}"another",{name}', 1)
    assert orjson.loads(twice) == orjson.loads(text)
    with pytest.raises(EvidenceError) as caught:
        parse_evidence(twice.encode())
    assert caught.value.code == "evidence_malformed"


def test_any_alteration_gives_an_answer_and_no_exception(evidence: Evidence) -> None:
    """One byte at a time: not a document, a link that fails, or a part that proves nothing."""
    document = format_evidence(evidence)
    rests_on = lines(evidence.heartbeat, lambda length: length == ML_DSA_44_BYTES)
    chosen = Random(7)
    answers = set()
    for _ in range(400):
        at = chosen.randrange(len(document))
        byte = chosen.choice([document[at] ^ 1, *b'0aA"{,\\'])
        try:
            altered = parse_evidence(document[:at] + bytes([byte]) + document[at + 1 :])
        except EvidenceError as error:
            answers.add(error.code)
            continue
        link, code = check(altered)
        answers.add(code)
        if not link:
            assert lines(altered.heartbeat, lambda n: n == ML_DSA_44_BYTES) == rests_on
            assert (altered.leaf, altered.head) == (evidence.leaf, evidence.head)
    assert {"", "evidence_malformed", "manifest_signature_invalid", "signature_wrong"} <= answers
