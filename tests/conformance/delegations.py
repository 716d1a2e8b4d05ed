"""Delegations: the keys that sign an agency's manifests (docs/spec/keys.md, "Delegations")."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass

from tests.conformance import json_form, keys
from tests.conformance.contracts import Pinned, governance_signed
from tests.conformance.conventions import DAY_MS, lp, parse_time, sha256
from tests.conformance.notes import (
    DASH,
    ED25519,
    ML_DSA_65,
    Note,
    NoteKey,
    read_note,
    signers,
    verifies,
)
from tests.conformance.refusals import MalformedError, NotBelievedError
from tests.conformance.statement_values import (
    Revocation,
    id_value,
    list_value,
    members,
    octets,
    text_value,
)

MAX_BYTES = 64 * 1024
MAX_MEMBERS = 128
LONGEST_LIFE_MS = 400 * DAY_MS
SKEW_MS = 300000


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A pair of manifest keys that is withdrawn, and the manifests of it that stand."""

    kids: tuple[bytes, bytes]
    stand: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Delegation:
    """A parsed delegation. `hash` is by which manifests name it."""

    hash: bytes
    agency: str
    version: int
    issued: int
    expires: int
    publics: tuple[bytes, bytes]
    kids: tuple[bytes, bytes]
    withdrawn: tuple[Withdrawn, ...]
    revocations: tuple[Revocation, ...]
    standing: frozenset[tuple[str, str, int]]
    """Contract, state and `since` of what it resumes or leaves."""

    def note_keys(self, name: str) -> tuple[NoteKey, NoteKey]:
        """The keys that sign manifests."""
        return NoteKey(name, ED25519, self.publics[0]), NoteKey(name, ML_DSA_65, self.publics[1])


def parse_delegation(file: bytes, deployment: str) -> tuple[Delegation, Note]:
    """Take a delegation apart; its signatures are not verified.

    Raises:
        MalformedError: it is not in its form, or breaks a rule that needs no key of another.
    """
    if len(file) > MAX_BYTES:
        raise MalformedError("too large")
    note = read_note(file)
    if len(note.lines) not in (2, 4) or _written(note) != file:
        raise MalformedError("not in its one form")
    lines = note.text.split("\n")
    if len(lines) != 4 or lines[:2] != ["concordant.delegation/v1", deployment]:
        raise MalformedError("not a delegation of this deployment")
    stated = members(
        json_form.parse(lines[2].encode()),
        *("agency", "deployment", "version", "issued", "expires", "keys"),
        *("withdrawn", "standing", "revocations"),
    )
    agency, version = id_value(stated["agency"]), stated["version"]
    issued, expires = parse_time(stated["issued"]), parse_time(stated["expires"])
    if stated["deployment"] != deployment:
        raise MalformedError("of another deployment")
    if isinstance(version, bool) or version != issued or version < 1:
        raise MalformedError("a version that is not the time of issue")
    if not 0 < expires - issued <= LONGEST_LIFE_MS:
        raise MalformedError("a life beyond 400 days")
    named = _keys(stated["keys"], deployment, agency)
    standing = [_statement(one) for one in list_value(stated["standing"], MAX_MEMBERS)]
    withdrawn = tuple(_withdrawn(one) for one in list_value(stated["withdrawn"], MAX_MEMBERS))
    if {kid for kid, _ in named} & {kid for one in withdrawn for kid in one.kids}:
        raise MalformedError("it withdraws a key that it names")
    return Delegation(
        sha256(note.text.encode()),
        agency,
        version,
        issued,
        expires,
        (named[0][1], named[1][1]),
        (named[0][0], named[1][0]),
        withdrawn,
        tuple(_revocation(one) for one in list_value(stated["revocations"], MAX_MEMBERS)),
        frozenset(standing),
    ), note


def verify_delegation(
    file: bytes, *, deployment: str, pinned: dict[str, list[Pinned]], now: int
) -> Delegation:
    """A delegation that a pinned pair of its agency signed; it may have expired.

    Raises:
        MalformedError: it is not in its form.
        NotBelievedError: no pinned pair signed it, or it is from the future.
    """
    delegation, note = parse_delegation(file, deployment)
    pairs = pinned.get(delegation.agency, [])
    name = f"{deployment}/{delegation.agency}"
    if not any(governance_signed(note, keys, name) for keys in pairs):
        raise NotBelievedError("not signed by its agency")
    if set(delegation.publics) & halves(pairs):
        raise NotBelievedError("a governance key signs no manifest")
    if delegation.issued > now + SKEW_MS:
        raise NotBelievedError("from the future")
    return delegation


def halves(pairs: Iterable[Pinned]) -> set[bytes]:
    """All public governance keys of these."""
    return {
        half
        for keys in pairs
        for pair in keys.pairs.values()
        for half in (pair.ed25519, pair.ml_dsa_65)
    }


def signed_by(note: Note, pair: tuple[NoteKey, NoteKey]) -> bool:
    """Return True if both keys signed."""
    try:
        return signers(note, pair) == set(pair)
    except NotBelievedError:
        return False


def _written(note: Note) -> bytes:
    lines = (
        f"{DASH}{line.name} {b64encode(line.key_id + line.signature).decode()}\n"
        for line in note.lines
    )
    return f"{note.text}\n{''.join(lines)}".encode()


def _keys(value: object, deployment: str, agency: str) -> list[tuple[bytes, bytes]]:
    entries = list_value(value, 2)
    if len(entries) != 2:
        raise MalformedError("not two keys")
    found = []
    for entry, algorithm in zip(entries, (keys.ED25519, keys.ML_DSA_65), strict=True):
        stated = members(entry, "kid", "algorithm", "public", "possession")
        public = octets(stated["public"])
        kid = keys.kid("manifest", algorithm, public)
        if stated["algorithm"] != algorithm or octets(stated["kid"], 32) != kid:
            raise MalformedError("another key than its id says")
        keys.check_public(algorithm, public)
        message = lp("concordant/1/possession", deployment, agency, kid)
        if not verifies(algorithm, public, octets(stated["possession"]), message):
            raise MalformedError("possession is not proved")
        found.append((kid, public))
    return found


def _withdrawn(value: object) -> Withdrawn:
    stated = members(value, "keys", "stand")
    kids = [octets(kid, 32) for kid in list_value(stated["keys"], 2)]
    if len(kids) != 2:
        raise MalformedError("not two keys")
    stand = frozenset(octets(one, 32) for one in list_value(stated["stand"], MAX_MEMBERS))
    return Withdrawn((kids[0], kids[1]), stand)


def _statement(value: object) -> tuple[str, str, int]:
    stated = members(value, "contract", "state", "since", "reason")
    text_value(stated["reason"])
    if stated["state"] not in ("resumed", "left"):
        raise MalformedError("not a state")
    return text_value(stated["contract"]), stated["state"], parse_time(stated["since"])


def _revocation(value: object) -> Revocation:
    stated = members(value, "kid", "since", "reason")
    text_value(stated["reason"])
    return Revocation(octets(stated["kid"], 32), parse_time(stated["since"]))


def split(file: bytes) -> tuple[bytes, bytes]:
    """The delegation, and the manifest that begins at the first line of its kind.

    Raises:
        MalformedError: one of the two is missing.
    """
    first, begins, rest = file.partition(b"\nconcordant.manifest/v1\n")
    if not begins or file.startswith(b"concordant.manifest/v1\n"):
        raise MalformedError("not a delegation and a manifest")
    return first + b"\n", begins[1:] + rest
