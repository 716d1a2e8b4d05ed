"""Manifests of one agency, altered and signed as they are (docs/spec/keys.md, "Manifests").

One to four manifests, of which each follows the first more or less, under one of three delegations
that may withdraw keys or revoke some. Delegations are altered too. Compared is which manifests are
believed, and what then is said of keys, revocations and standing.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any

from broker.envelope.canonical import CanonicalError, format_json
from broker.envelope.primitives import Ed25519Signer, MlDsa65Signer, b64, sha256, strict_b64
from broker.errors import ManifestError, NoteError
from broker.keys.enrolment import possession_message
from broker.keys.governance import GovernancePublic, GovernanceSigner
from broker.keys.kid import (
    ED25519,
    EXCHANGE,
    GOVERNANCE,
    MANIFEST,
    ML_DSA_44,
    ML_DSA_65,
    RECEIPT,
    STREAM,
    kid,
)
from broker.keys.manifest import HEADER, parse_manifest, split_manifest, verify_manifest
from broker.keys.signer import SoftwareSigner
from broker.registry.manifests import ManifestBook
from broker.tlog.note import ED25519 as NOTE_ED25519
from broker.tlog.note import ML_DSA_65 as NOTE_ML_DSA_65
from broker.tlog.note import format_note, note_signer, sign_note
from tests.conformance import keys as second_keys
from tests.conformance import manifests as second_manifests
from tests.conformance.contracts import GovernanceKeys
from tests.conformance.notes import COSIGNATURE, NoteKey
from tests.conformance.refusals import MalformedError, NotBelievedError
from tests.differential.alteration import altered, grown
from tests.differential.altered_vectors import ground
from tests.differential.comparison import Comparison, Family
from tests.vectors.making.agencies import DAY, DEPLOYMENT, FOUNDED, NOW, POLICE, Member

MEMBER = Member(ground(), POLICE)
TIMES = tuple(
    FOUNDED + days * DAY + more for days in (-1, 0, 1, 29, 30, 60, 90) for more in (-1, 0)
)
CONTRACT = "london-hate-crime"
VERSIONS = (bytes(32), bytes([1]) * 32)


def _text_time(ms: int) -> str:
    at = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


@cache
def _governance() -> GovernanceSigner:
    """The two keys themselves; the vectors have recorded signatures of theirs only."""
    first = Ed25519Signer(MEMBER.seed(GOVERNANCE, ED25519))
    second = MlDsa65Signer(MEMBER.seed(GOVERNANCE, ML_DSA_65))
    return GovernanceSigner(
        DEPLOYMENT,
        POLICE,
        SoftwareSigner(kid(GOVERNANCE, ED25519, first.public), GOVERNANCE, ED25519, first),
        SoftwareSigner(kid(GOVERNANCE, ML_DSA_65, second.public), GOVERNANCE, ML_DSA_65, second),
    )


@cache
def _keys() -> tuple[dict[str, Any], ...]:
    """Entries of `keys`, some of which exclude each other."""
    listed = [
        MEMBER.key(STREAM),
        MEMBER.key(STREAM, algorithm=ML_DSA_44),
        MEMBER.key(EXCHANGE),
        MEMBER.key(RECEIPT),
        MEMBER.key(STREAM, "second", begins=FOUNDED + 60 * DAY),
        MEMBER.key(STREAM, "third", begins=FOUNDED + 90 * DAY),
        MEMBER.key(EXCHANGE, "second", begins=FOUNDED + 29 * DAY),
        MEMBER.key(EXCHANGE, ends=FOUNDED + 10 * DAY),
        MEMBER.key(STREAM, ends=FOUNDED + 30 * DAY),
    ]
    return tuple(key.listed.model_dump(mode="json", exclude_none=True) for key in listed)


@cache
def _manifest_keys(which: str) -> tuple[SoftwareSigner, SoftwareSigner]:
    first = Ed25519Signer(MEMBER.seed(MANIFEST, ED25519, which))
    second = MlDsa65Signer(MEMBER.seed(MANIFEST, ML_DSA_65, which))
    return (
        SoftwareSigner(kid(MANIFEST, ED25519, first.public), MANIFEST, ED25519, first),
        SoftwareSigner(kid(MANIFEST, ML_DSA_65, second.public), MANIFEST, ML_DSA_65, second),
    )


@cache
def _possession(which: str, half: int) -> str:
    key = _manifest_keys(which)[half]
    return b64(key.sign(possession_message(DEPLOYMENT, POLICE, key.kid)))


def _delegation(number: int, stand: list[str], rng: Random) -> tuple[str, bytes, bytes]:
    """Return the label of its keys, its text and the whole note."""
    which = rng.choice(("first", "first", "second", "third"))
    issued = FOUNDED - DAY + number * rng.choice((0, 1000, DAY))
    withdrawn = [
        {
            "keys": [b64(key.kid) for key in _manifest_keys(one)],
            "stand": rng.sample(stand, rng.randint(0, len(stand))),
        }
        for one in ("first", "second", "third")
        if rng.random() < 0.15
    ]
    document: Any = {
        "agency": POLICE,
        "deployment": DEPLOYMENT,
        "version": issued,
        "issued": _text_time(issued),
        "expires": _text_time(issued + rng.choice((400, 400, 40)) * DAY),
        "keys": [
            {
                "kid": b64(key.kid),
                "algorithm": key.algorithm,
                "public": b64(key.public),
                "possession": _possession(which, half),
            }
            for half, key in enumerate(_manifest_keys(which))
        ],
        "withdrawn": withdrawn,
        "standing": [
            {"contract": CONTRACT, "state": state, "since": _text_time(since), "reason": "x"}
            for state in ("resumed", "left")
            for since in TIMES
            if rng.random() < 0.2
        ],
        "revocations": [
            {"kid": key["kid"], "since": _text_time(rng.choice(TIMES)), "reason": "lost"}
            for key in _keys()
            if rng.random() < 0.05
        ],
    }
    if rng.random() < 0.1:
        values = [lambda: json.loads(json.dumps(_value(rng)))]
        document = grown(document, rng, values, ("possession", "extra", "stand"))
    try:
        text = f"concordant.delegation/v1\n{DEPLOYMENT}\n".encode() + format_json(document) + b"\n"
        note = format_note(sign_note(text, _governance().note_signers()))
    except (CanonicalError, NoteError):
        text, note = b"x\n", b"x\n\n"
    return which, text, altered(note, rng) if rng.random() < 0.05 else note


def _document(version: int, rng: Random) -> dict[str, Any]:
    issued = FOUNDED + (version - 1) * rng.choice((0, DAY, 7 * DAY))
    listed = list(_keys()[:4])
    for key in _keys()[4:]:
        if rng.random() < 0.15:
            listed.append(key)
    if rng.random() < 0.3:
        listed = rng.sample(listed, rng.randint(0, len(listed)))
    return {
        "agency": POLICE,
        "deployment": DEPLOYMENT,
        "version": version,
        "issued": _text_time(issued),
        "expires": _text_time(issued + rng.choice((30, 30, 7)) * DAY),
        "contacts": {"operations": "operations@police.example"},
        "keys": listed,
        "revocations": [
            {
                "kid": key["kid"],
                "since": _text_time(
                    rng.choice((issued, issued, issued - 7 * DAY, rng.choice(TIMES)))
                ),
                "stated": _text_time(issued + rng.choice((*[0] * 9, -DAY, 1))),
                "reason": "lost",
            }
            for key in _keys()
            if rng.random() < 0.1
        ],
        "standing": [
            {
                "contract": rng.choice((CONTRACT, CONTRACT, "another")),
                "versions": [b64(one) for one in rng.choice((VERSIONS, VERSIONS[:1]))],
                "state": rng.choice(("suspended", "left")),
                "since": _text_time(rng.choice(TIMES[:6])),
                "reason": "until it is settled",
                **(
                    {"until": _text_time(rng.choice(TIMES)), "until_reason": "resolved"}
                    if rng.random() < 0.3
                    else {}
                ),
            }
            for _ in range(rng.choice((0, 0, 1, 2, 3)))
        ],
    }


def _value(rng: Random) -> Any:
    governance = _governance().public
    return rng.choice(
        (
            *(None, True, 0, 1, 2, -1, 2**53 - 1, "", "x", "a\nb", "a" * 63, "a" * 64, "a" * 257),
            *("csu-camden", "cps-london", DEPLOYMENT, "-a", "a.", "stream", "receipt", "exchange"),
            *("ed25519", "ml-dsa-44", "left", "2026-03-01T00:00:00Z", "1969-12-31T00:00:00.000Z"),
            *("2026-02-30T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "2026-03-01T24:00:00.000Z"),
            *(_text_time(rng.choice(TIMES)), _text_time(NOW + 300000), _text_time(NOW + 300001)),
            *(b64(bytes(32)), b64(governance.ed25519), b64(b"\1" + bytes(31)), "AAAA", "AB=="),
            *([], {}, [{}], rng.choice(_keys()), rng.choice(_keys())["kid"]),
        )
    )


def _signed(version: int, rng: Random, delegation: tuple[str, bytes, bytes]) -> bytes:
    which, named, first = delegation
    document: Any = _document(version, rng)
    document["delegation"] = b64(sha256(named))
    if rng.random() < 0.6:
        values = [lambda: json.loads(json.dumps(_value(rng)))]
        document = grown(document, rng, values, ("possession", "extra", "operations"))
    try:
        text = f"{HEADER}\n{DEPLOYMENT}\n".encode() + format_json(document) + b"\n"
    except CanonicalError:
        text = f"{HEADER}\n{DEPLOYMENT}\n{json.dumps(document)}\n".encode()
    if rng.random() < 0.1:
        text = altered(text, rng)
    try:
        signers = zip((NOTE_ED25519, NOTE_ML_DSA_65), _manifest_keys(which), strict=True)
        own = [note_signer(MEMBER.name, kind, key) for kind, key in signers]
        note = format_note(sign_note(text, own))
    except NoteError:
        note = text + "\n— x/y AAAAAAAA\n".encode()
    return first + (altered(note, rng) if rng.random() < 0.1 else note)


def _stands(file: bytes) -> str:
    """The hash of a manifest, as a later delegation names it."""
    text = split_manifest(file)[1].rpartition(b"\n\n")[0] + b"\n"
    return b64(sha256(text))


def _product(files: list[bytes]) -> object:
    pair = GovernancePublic(_governance().public.ed25519, _governance().public.ml_dsa_65)
    book = ManifestBook(DEPLOYMENT)
    believed = []
    for number, file in enumerate(files):
        try:
            signed = parse_manifest(file)
            verified = verify_manifest(signed, [pair], deployment=DEPLOYMENT, now=NOW)
            if verified.manifest.agency != POLICE:
                continue
            grown_book = book.adding(verified)
        except ManifestError:
            continue
        if grown_book is not book:  # the same file again is neither refused nor another one
            believed.append(number)
        book = grown_book
    said = [(book.revoked_since(POLICE, one), _vouched(book, one)) for one in _kids()]
    stops = [
        (one.state, one.since, one.until, one.versions)
        for one in book.stops(POLICE)
        if one.contract == CONTRACT
    ]
    tried = sorted((key.kid, key.not_after) for key in book.exchange_keys(POLICE))
    return believed, said, sorted(stops, key=_order), tried


def _vouched(book: ManifestBook, one: bytes) -> list[bool]:
    """At which times a manifest vouches for a stream key."""
    for verified in book.history(POLICE):
        for listed in verified.manifest.keys_of(STREAM, ED25519):
            if listed.kid == one:
                key_id = NoteKey(MEMBER.name, COSIGNATURE, listed.public).key_id
                key = book.stream_key(POLICE, key_id)
                return [key is not None and key.at(at) == "valid" for at in TIMES]
    return []


@cache
def _kids() -> tuple[bytes, ...]:
    return tuple(strict_b64(entry["kid"]) for entry in _keys())


def _second(files: list[bytes]) -> object:
    public = _governance().public
    pinned = {POLICE: [GovernanceKeys(public.ed25519, public.ml_dsa_65)]}
    book = second_manifests.Manifests()
    believed = []
    for number, file in enumerate(files):
        try:
            manifest = second_manifests.verify_manifest(
                file, deployment=DEPLOYMENT, pinned=pinned, now=NOW
            )
            book.take(manifest)
        except (MalformedError, NotBelievedError):
            continue
        believed.append(number)
    streams = {key.kid for key in book.listed(second_keys.STREAM) if key.algorithm == ED25519}
    said = [
        (
            book.revoked_since(one),
            [book.vouched(one, at) for at in TIMES] if one in streams else [],
        )
        for one in _kids()
    ]
    newest = {key.kid: key for key in book.listed(second_keys.EXCHANGE)}
    tried = sorted((key.kid, key.not_after) for key in newest.values())
    stops = [(*one, frozenset(versions)) for *one, versions in book.intervals(CONTRACT)]
    return believed, said, sorted(stops, key=_order), tried


def _order(stop: Any) -> tuple[int, str, str]:
    return stop[1], stop[0], str(stop[2])


def compare(rng: Random) -> Comparison:
    """The versions in the order in which they are met."""
    files: list[bytes] = []
    delegation = _delegation(0, [], rng)
    for number in range(rng.choice((1, 2, 2, 3, 4))):
        if number and rng.random() < 0.4:
            delegation = _delegation(number, [_stands(file) for file in files], rng)
        files.append(_signed(number + 1, rng, delegation))
    if rng.random() < 0.1:
        files.insert(rng.randrange(len(files)), rng.choice(files))
    ours = _product(files)
    believed = ours[0] if isinstance(ours, tuple) else []
    reached = tuple("believed" if n in believed else "refused" for n in range(len(files)))
    return Comparison(ours, _second(files), files, reached)


FAMILIES = (Family("manifests", compare, 60),)
