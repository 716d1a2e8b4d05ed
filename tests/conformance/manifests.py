"""Agency manifests: which are believed, and what they then say (docs/spec/keys.md, "Manifests").

`Manifests` holds those of one agency in ascending version and answers the questions of steps 2, 5
and 6; opening.md, "Order of the checks", 2, defines what it means that one *vouches* for a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from tests.conformance import json_form, keys
from tests.conformance.contracts import GovernanceKeys
from tests.conformance.conventions import DAY_MS, decode_base64, lp, parse_time
from tests.conformance.notes import Note, NoteKey, read_note, signers, verifies
from tests.conformance.refusals import MalformedError, NotBelievedError

MAX_BYTES = 512 * 1024
MAX_MEMBERS = 256
MAX_TEXT = 256
LONGEST_LIFE_MS = 30 * DAY_MS
SKEW_MS = 300000
AGENCY = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of `keys`; times in milliseconds, `not_after` exclusive."""

    kid: bytes
    role: str
    algorithm: str
    public: bytes
    not_before: int
    not_after: int


@dataclass(frozen=True, slots=True)
class Revocation:
    kid: bytes
    since: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One entry of `standing`; `until` is None if it has none."""

    contract: str
    versions: tuple[bytes, ...]
    state: str
    since: int
    until: int | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A parsed manifest; only `Manifests.take` makes it a believed one."""

    agency: str
    version: int
    issued: int
    expires: int
    keys: tuple[Key, ...]
    revocations: tuple[Revocation, ...]
    standing: tuple[Statement, ...]

    def vouches(self, kid: bytes, at: int) -> bool:
        """Return True if it covers this key at this time."""
        return any(
            key.kid == kid and key.not_before <= at < min(key.not_after, self.expires)
            for key in self.keys
        )


def _members(value: object, *names: str) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != set(names):
        raise MalformedError("not the members of a manifest")
    return value


def _listed(value: object) -> list[Any]:
    if not isinstance(value, list) or len(value) > MAX_MEMBERS:
        raise MalformedError("not a list")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT:
        raise MalformedError("not a text")
    if any(ord(letter) < 0x20 for letter in value):
        raise MalformedError("a control character")
    return value


def _id(value: object) -> str:
    if not isinstance(value, str) or not AGENCY.fullmatch(value):
        raise MalformedError("not an id")
    return value


def _octets(value: object, length: int | None = None) -> bytes:
    if not isinstance(value, str):
        raise MalformedError("not base64")
    octets = decode_base64(value)
    if length is not None and len(octets) != length:
        raise MalformedError("of another length")
    return octets


def _key(value: object, deployment: str, agency: str) -> Key:
    names = ["kid", "role", "algorithm", "public", "not_before", "not_after"]
    signing = isinstance(value, dict) and value.get("role") in (keys.STREAM, keys.RECEIPT)
    entry = _members(value, *names, *(["possession"] if signing else []))
    role, algorithm, public = entry["role"], entry["algorithm"], _octets(entry["public"])
    if not isinstance(role, str) or algorithm not in keys.ALGORITHMS.get(role, ()):
        raise MalformedError("not an algorithm of the role")
    keys.check_public(algorithm, public)
    kid = keys.kid(role, algorithm, public)
    if _octets(entry["kid"], 32) != kid:
        raise MalformedError("another key's id")
    key = Key(
        kid,
        role,
        algorithm,
        public,
        parse_time(entry["not_before"]),
        parse_time(entry["not_after"]),
    )
    if not 0 < key.not_after - key.not_before <= keys.LONGEST_LIFE_MS[role]:
        raise MalformedError("a life beyond the role's")
    if signing:
        message = lp("concordant/1/possession", deployment, agency, kid)
        if not verifies(algorithm, public, _octets(entry["possession"]), message):
            raise MalformedError("possession is not proved")
    return key


def _revocation(value: object) -> Revocation:
    entry = _members(value, "kid", "since", "reason")
    _text(entry["reason"])
    return Revocation(_octets(entry["kid"], 32), parse_time(entry["since"]))


def _standing(value: object) -> Statement:
    names = ["contract", "versions", "state", "since", "reason"]
    ended = isinstance(value, dict) and "until" in value
    entry = _members(value, *names, *(["until", "until_reason"] if ended else []))
    _text(entry["reason"])
    if ended:
        _text(entry["until_reason"])
    if entry["state"] not in (("suspended",) if ended else ("suspended", "left")):
        raise MalformedError("not a state, or an end of a departure")
    versions = tuple(_octets(version, 32) for version in _listed(entry["versions"]))
    if not versions or list(versions) != sorted(set(versions)):
        raise MalformedError("no versions, or not in order")
    since = parse_time(entry["since"])
    until = parse_time(entry["until"]) if ended else None
    if until is not None and until < since:
        raise MalformedError("it ends before it begins")
    return Statement(_text(entry["contract"]), versions, entry["state"], since, until)


def parse_manifest(text: str, deployment: str) -> Manifest:
    """A manifest from its note's text.

    Raises:
        MalformedError: it is not in its form, or breaks a rule that needs no other version.
    """
    lines = text.split("\n")
    if len(lines) != 4 or lines[:2] != ["concordant.manifest/v1", deployment]:
        raise MalformedError("not a manifest of this deployment")
    stated = _members(
        json_form.parse(lines[2].encode()),
        *("agency", "deployment", "version", "issued", "expires", "contacts"),
        *("keys", "revocations", "standing"),
    )
    agency, version = _id(stated["agency"]), stated["version"]
    if stated["deployment"] != deployment:
        raise MalformedError("of another deployment")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise MalformedError("not a version")
    if not isinstance(stated["contacts"], dict) or len(stated["contacts"]) > MAX_MEMBERS:
        raise MalformedError("not contacts")
    for name, contact in stated["contacts"].items():
        _id(name)
        _text(contact)
    manifest = Manifest(
        agency=agency,
        version=version,
        issued=parse_time(stated["issued"]),
        expires=parse_time(stated["expires"]),
        keys=tuple(_key(entry, deployment, agency) for entry in _listed(stated["keys"])),
        revocations=tuple(_revocation(entry) for entry in _listed(stated["revocations"])),
        standing=tuple(_standing(entry) for entry in _listed(stated["standing"])),
    )
    if not 0 < manifest.expires - manifest.issued <= LONGEST_LIFE_MS:
        raise MalformedError("a life beyond 30 days")
    if len({key.public for key in manifest.keys}) != len(manifest.keys):
        raise MalformedError("a key in two roles, or twice")
    for one, other in combinations(manifest.keys, 2):
        same = one.role == other.role == keys.STREAM and one.algorithm == other.algorithm
        if same and one.not_before < other.not_after and other.not_before < one.not_after:
            raise MalformedError("two stream keys at once")
    return manifest


@dataclass(slots=True)
class Manifests:
    """Those of one agency that are believed, in ascending version."""

    believed: list[Manifest] = field(default_factory=list)

    def take(self, manifest: Manifest) -> None:
        """Believe one more.

        Raises:
            NotBelievedError: it does not follow from the version before.
        """
        if self.believed:
            before = self.believed[-1]
            if manifest.version <= before.version or manifest.issued < before.issued:
                raise NotBelievedError("not later than the version before")
            former = {key.kid: key for earlier in self.believed for key in earlier.keys}
            for key in manifest.keys:
                old = former.get(key.kid)
                if old and (key.not_before != old.not_before or key.not_after > old.not_after):
                    raise NotBelievedError("another validity than when it was last listed")
        self.believed.append(manifest)

    def listed(self, role: str) -> Iterator[Key]:
        """Every entry of a role, from the lowest version on."""
        for manifest in self.believed:
            yield from (key for key in manifest.keys if key.role == role)

    def vouched(self, kid: bytes, at: int) -> bool:
        return any(manifest.vouches(kid, at) for manifest in self.believed)

    def revoked_since(self, kid: bytes) -> int | None:
        """The earliest time that any version names; revocations add up."""
        times = [
            revocation.since
            for manifest in self.believed
            for revocation in manifest.revocations
            if revocation.kid == kid
        ]
        return min(times, default=None)

    def intervals(self, contract: str) -> list[tuple[str, int, int | None, set[bytes]]]:
        """State, start, end and versions of each time in which the agency takes no part.

        contracts.md, "Suspension and departure".
        """
        found: dict[tuple[str, int], tuple[int, int | None, set[bytes]]] = {}
        for number, manifest in enumerate(self.believed):
            for entry in manifest.standing:
                if entry.contract != contract:
                    continue
                name = entry.state, entry.since
                if name not in found:
                    found[name] = max(entry.since, self._begins(number)), None, set()
                start, until, versions = found[name]
                if entry.until is not None and (until is None or entry.until < until):
                    until = entry.until
                found[name] = start, until, versions | set(entry.versions)
        return [(state, *rest) for (state, _), rest in found.items()]

    def _begins(self, number: int) -> int:
        """Before when nothing can begin that this manifest is the first to state."""
        first = self.believed[number]
        before = self.believed[number - 1] if number else None
        if first.version == (before.version if before else 0) + 1:
            return first.issued
        return before.issued if before else 0


def verify_manifest(
    octets: bytes, *, deployment: str, pinned: dict[str, list[GovernanceKeys]], now: int
) -> Manifest:
    """Everything about a manifest that needs no other version.

    Raises:
        MalformedError: it is not in its form.
        NotBelievedError: no pinned pair of its agency signed it, or it is from the future.
    """
    if len(octets) > MAX_BYTES:
        raise MalformedError("too large")
    note = read_note(octets)
    manifest = parse_manifest(note.text, deployment)
    pairs = pinned.get(manifest.agency, [])
    if not any(_signed(note, pair.note_keys(f"{deployment}/{manifest.agency}")) for pair in pairs):
        raise NotBelievedError("not signed by its agency")
    governance = {octets for pair in pairs for octets in (pair.ed25519, pair.ml_dsa_65)}
    if governance & {key.public for key in manifest.keys}:
        raise NotBelievedError("a governance key in another role")
    if manifest.issued > now + SKEW_MS:
        raise NotBelievedError("from the future")
    return manifest


def _signed(note: Note, pair: tuple[NoteKey, NoteKey]) -> bool:
    try:
        return signers(note, pair) == set(pair)
    except NotBelievedError:
        return False
