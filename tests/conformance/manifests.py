"""Agency manifests: which are believed, and what they then say (docs/spec/keys.md, "Manifests").

`Manifests` holds those of one agency in ascending version and answers the questions of steps 2, 5
and 6; opening.md, "Order of the checks", 2, defines what it means that one *vouches* for a key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from tests.conformance import json_form, keys
from tests.conformance.contracts import Pinned
from tests.conformance.conventions import DAY_MS, lp, parse_time, sha256
from tests.conformance.delegations import (
    Delegation,
    halves,
    signed_by,
    split,
    verify_delegation,
)
from tests.conformance.notes import read_note, verifies
from tests.conformance.refusals import MalformedError, NotBelievedError
from tests.conformance.statement_values import (
    Revocation,
    id_value,
    list_value,
    members,
    octets,
    text_value,
)

MAX_BYTES = 512 * 1024
MAX_MEMBERS = 256
LONGEST_LIFE_MS = 30 * DAY_MS
LOOKS_BACK_MS = 7 * DAY_MS
SKEW_MS = 300000


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

    hash: bytes
    delegation: Delegation
    agency: str
    version: int
    issued: int
    expires: int
    keys: tuple[Key, ...]
    revocations: tuple[Revocation, ...]
    standing: tuple[Statement, ...]

    @property
    def place(self) -> tuple[int, int]:
        """In the order of an agency's manifests."""
        return self.delegation.version, self.version

    def vouches(self, kid: bytes, at: int) -> bool:
        """Return True if it covers this key at this time."""
        return any(
            key.kid == kid and key.not_before <= at < min(key.not_after, self.expires)
            for key in self.keys
        )


def _list(value: object) -> list[Any]:
    return list_value(value, MAX_MEMBERS)


def _key(value: object, deployment: str, agency: str) -> Key:
    names = ["kid", "role", "algorithm", "public", "not_before", "not_after"]
    signing = isinstance(value, dict) and value.get("role") in (keys.STREAM, keys.RECEIPT)
    entry = members(value, *names, *(["possession"] if signing else []))
    role, algorithm, public = entry["role"], entry["algorithm"], octets(entry["public"])
    if not isinstance(role, str) or algorithm not in keys.ALGORITHMS.get(role, ()):
        raise MalformedError("not an algorithm of the role")
    keys.check_public(algorithm, public)
    kid = keys.kid(role, algorithm, public)
    if octets(entry["kid"], 32) != kid:
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
        if not verifies(algorithm, public, octets(entry["possession"]), message):
            raise MalformedError("possession is not proved")
    return key


def _revocation(value: object) -> Revocation:
    entry = members(value, "kid", "since", "stated", "reason")
    text_value(entry["reason"])
    since, stated = parse_time(entry["since"]), parse_time(entry["stated"])
    if since < stated - LOOKS_BACK_MS:
        raise MalformedError("a revocation that looks back too far")
    return Revocation(octets(entry["kid"], 32), since, stated)


def _standing(value: object) -> Statement:
    names = ["contract", "versions", "state", "since", "reason"]
    ended = isinstance(value, dict) and "until" in value
    entry = members(value, *names, *(["until", "until_reason"] if ended else []))
    text_value(entry["reason"])
    if ended:
        text_value(entry["until_reason"])
    if entry["state"] not in (("suspended",) if ended else ("suspended", "left")):
        raise MalformedError("not a state, or an end of a departure")
    versions = tuple(octets(version, 32) for version in _list(entry["versions"]))
    if not versions or list(versions) != sorted(set(versions)):
        raise MalformedError("no versions, or not in order")
    since = parse_time(entry["since"])
    until = parse_time(entry["until"]) if ended else None
    if until is not None and until < since:
        raise MalformedError("it ends before it begins")
    return Statement(text_value(entry["contract"]), versions, entry["state"], since, until)


def parse_manifest(text: str, deployment: str, delegation: Delegation) -> Manifest:
    """A manifest from its note's text, after its delegation.

    Raises:
        MalformedError: it is not in its form, or breaks a rule that needs no other version.
    """
    lines = text.split("\n")
    if len(lines) != 4 or lines[:2] != ["concordant.manifest/v1", deployment]:
        raise MalformedError("not a manifest of this deployment")
    stated = members(
        json_form.parse(lines[2].encode()),
        *("agency", "deployment", "version", "delegation", "issued", "expires", "contacts"),
        *("keys", "revocations", "standing"),
    )
    agency, version = id_value(stated["agency"]), stated["version"]
    if stated["deployment"] != deployment:
        raise MalformedError("of another deployment")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise MalformedError("not a version")
    if not isinstance(stated["contacts"], dict) or len(stated["contacts"]) > MAX_MEMBERS:
        raise MalformedError("not contacts")
    for name, contact in stated["contacts"].items():
        id_value(name)
        text_value(contact)
    manifest = Manifest(
        hash=sha256(text.encode()),
        delegation=delegation,
        agency=agency,
        version=version,
        issued=parse_time(stated["issued"]),
        expires=parse_time(stated["expires"]),
        keys=tuple(_key(entry, deployment, agency) for entry in _list(stated["keys"])),
        revocations=tuple(_revocation(entry) for entry in _list(stated["revocations"])),
        standing=tuple(_standing(entry) for entry in _list(stated["standing"])),
    )
    if not 0 < manifest.expires - manifest.issued <= LONGEST_LIFE_MS:
        raise MalformedError("a life beyond 30 days")
    if octets(stated["delegation"], 32) != delegation.hash or agency != delegation.agency:
        raise MalformedError("another delegation than the one before it")
    if manifest.issued < delegation.issued or manifest.expires > delegation.expires:
        raise MalformedError("a life beyond that of its delegation")
    if any(one.stated > manifest.issued for one in manifest.revocations):
        raise MalformedError("a revocation that is stated later")
    if set(delegation.publics) & {key.public for key in manifest.keys}:
        raise MalformedError("a manifest key in another role")
    if len({key.public for key in manifest.keys}) != len(manifest.keys):
        raise MalformedError("a key in two roles, or twice")
    for one, other in combinations(manifest.keys, 2):
        same = one.role == other.role == keys.STREAM and one.algorithm == other.algorithm
        if same and one.not_before < other.not_after and other.not_before < one.not_after:
            raise MalformedError("two stream keys at once")
    return manifest


@dataclass(slots=True)
class Manifests:
    """Those of one agency that are believed, in the order of delegation and version."""

    believed: list[Manifest] = field(default_factory=list)
    delegations: dict[int, Delegation] = field(default_factory=dict)

    def void(self, manifest: Manifest) -> bool:
        """Return True if its keys are withdrawn and the last list of what stands lacks it."""
        for kid in manifest.delegation.kids:
            stand = None
            for version in sorted(self.delegations):
                for withdrawn in self.delegations[version].withdrawn:
                    stand = withdrawn.stand if kid in withdrawn.kids else stand
            if stand is not None and manifest.hash not in stand:
                return True
        return False

    def take(self, manifest: Manifest) -> None:
        """Believe one more.

        Raises:
            NotBelievedError: it does not follow from the one before, or it is void.
        """
        own = manifest.delegation
        after = Manifests(list(self.believed), {**self.delegations, own.version: own})
        if self.delegations.get(own.version, own) != own:
            raise NotBelievedError("two texts of one delegation")
        if after.void(manifest):
            raise NotBelievedError("void")
        if self.believed and manifest.place <= self.believed[-1].place:
            raise NotBelievedError("not later than the one before")
        after.believed = [one for one in self.believed if not after.void(one)]
        if after.believed:
            _follows(after.believed, manifest)
        self.delegations = after.delegations
        self.believed = [*after.believed, manifest]

    def listed(self, role: str) -> Iterator[Key]:
        """Every entry of a role, from the lowest version on."""
        for manifest in self.believed:
            yield from (key for key in manifest.keys if key.role == role)

    def vouched(self, kid: bytes, at: int) -> bool:
        return any(manifest.vouches(kid, at) for manifest in self.believed)

    def revoked_since(self, kid: bytes) -> int | None:
        """The earliest time that any version or delegation names; revocations add up."""
        times = [
            revocation.since
            for statement in (*self.believed, *self.delegations.values())
            for revocation in statement.revocations
            if revocation.kid == kid
        ]
        return min(times, default=None)

    def intervals(self, contract: str) -> list[tuple[str, int, int | None, set[bytes]]]:
        """State, start, end and versions of each time in which the agency takes no part.

        contracts.md, "Suspension and departure". A departure that no delegation states is a
        suspension; an end that no delegation states ends nothing.
        """
        delegated = {one for own in self.delegations.values() for one in own.standing}
        found: dict[tuple[str, int], tuple[int, int | None, set[bytes]]] = {}
        for number, manifest in enumerate(self.believed):
            for entry in manifest.standing:
                if entry.contract != contract:
                    continue
                left = (contract, "left", entry.since) in delegated
                name = "left" if entry.state == "left" and left else "suspended", entry.since
                if name not in found:
                    found[name] = max(entry.since, self._begins(number)), None, set()
                start, until, versions = found[name]
                if entry.until is not None and (contract, "resumed", entry.until) in delegated:
                    until = entry.until if until is None else min(until, entry.until)
                found[name] = start, until, versions | set(entry.versions)
        return [(state, *rest) for (state, _), rest in found.items()]

    def _begins(self, number: int) -> int:
        """Before when nothing can begin that this manifest is the first to state."""
        first = self.believed[number]
        before = self.believed[number - 1] if number else None
        if first.version == (before.version if before else 0) + 1:
            return first.issued
        return before.issued if before else 0


def _follows(believed: Sequence[Manifest], manifest: Manifest) -> None:
    before = believed[-1]
    if manifest.delegation == before.delegation and manifest.issued < before.issued:
        raise NotBelievedError("issued before the one before")
    former = {key.kid: key for earlier in believed for key in earlier.keys}
    for key in manifest.keys:
        old = former.get(key.kid)
        if old and (key.not_before != old.not_before or key.not_after > old.not_after):
            raise NotBelievedError("another validity than when it was last listed")
    for revocation in manifest.revocations:
        assert revocation.stated is not None
        if revocation.stated < before.issued and revocation not in before.revocations:
            raise NotBelievedError("a new revocation that poses as an older one")


def verify_manifest(
    file: bytes, *, deployment: str, pinned: dict[str, list[Pinned]], now: int
) -> Manifest:
    """Everything about a delegation and its manifest that needs no other version.

    Raises:
        MalformedError: one is not in its form.
        NotBelievedError: its keys did not sign it, or it is from the future.
    """
    first, own = split(file)
    delegation = verify_delegation(first, deployment=deployment, pinned=pinned, now=now)
    if len(own) > MAX_BYTES:
        raise MalformedError("too large")
    note = read_note(own)
    manifest = parse_manifest(note.text, deployment, delegation)
    if not signed_by(note, delegation.note_keys(f"{deployment}/{manifest.agency}")):
        raise NotBelievedError("not signed by its manifest keys")
    pairs = pinned.get(manifest.agency, [])
    if halves(pairs) & {key.public for key in manifest.keys}:
        raise NotBelievedError("a governance key in another role")
    if manifest.issued > now + SKEW_MS:
        raise NotBelievedError("from the future")
    return manifest
