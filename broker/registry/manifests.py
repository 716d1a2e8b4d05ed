"""Book of all verified manifests of a partnership (spec: keys; opening, step 2).

The book is immutable: adding a manifest returns another book, so it cannot change while a record is
judged. Past manifests stay in it, because a record is judged by any manifest that had not expired
at its log time. Revocations and departures accumulate over all versions: a later manifest cannot
hide an earlier one's.

A delegation can withdraw manifest keys, and lists the manifests of these keys that stay valid. All
other manifests of these keys are void: the book answers as if they, and the revocations in them,
had never been made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from broker.envelope.primitives import Ed25519Verifier, WrapSealer
from broker.errors import ManifestError, RegistryError
from broker.keys.delegation import Revocation, VerifiedDelegation
from broker.keys.governance import key_name
from broker.keys.kid import ED25519, EXCHANGE, RECEIPT, STREAM, XWING
from broker.keys.manifest import Manifest, ManifestKey, VerifiedManifest, verify_successor
from broker.registry.stops import Stop, stops_of
from broker.tlog.note import COSIGNATURE_ED25519, NoteVerifier, key_id, note_verifier
from contracts.durations import DAY_MS

TRIED_AFTER_END_MS: Final = 7 * DAY_MS
"""Time after its end for which a reader still tries an exchange key (spec: sealed event)."""

Validity = Literal["valid", "manifest_expired", "not_valid"]


@dataclass(frozen=True, slots=True)
class CosigningKey:
    """A stream or receipt key with every period in which a manifest lists it as valid.

    Attributes:
        agency: its owner.
        kid: its id, 32 bytes.
        verifier: for cosignatures, under the name `deployment/agency`.
        periods: (from, to) in milliseconds, `to` excluded: the key's validity cut at the manifest's
            expiry, for every manifest that lists it.
        validity: the widest validity in any manifest, without regard to the manifest's expiry.
        revoked_since: earliest time at which it may have been compromised, None if never.
    """

    agency: str
    kid: bytes
    verifier: NoteVerifier
    periods: tuple[tuple[int, int], ...]
    validity: tuple[int, int]
    revoked_since: int | None

    def at(self, moment: int) -> Validity:
        """Return the key's validity at a log time, by the manifests.

        Args:
            moment: milliseconds since the epoch.

        Returns:
            `valid`; `manifest_expired` if a newer manifest could still cover that moment;
            `not_valid` if the moment is outside of the key's own validity.
        """
        for start, end in self.periods:
            if start <= moment < end:
                return "valid"
        start, end = self.validity
        return "manifest_expired" if start <= moment < end else "not_valid"


@dataclass(frozen=True, slots=True)
class ExchangeKey:
    """A recipient's public exchange key.

    Attributes:
        agency: its owner.
        kid: its id, 32 bytes.
        public: 1216 bytes.
        not_before: start of its validity, milliseconds.
        not_after: end of its validity, milliseconds, exclusive.
    """

    agency: str
    kid: bytes
    public: bytes
    not_before: int
    not_after: int

    def sealer(self) -> WrapSealer:
        """Return the key, ready to wrap; one per session."""
        return WrapSealer(self.public)

    def tried_at(self, log_time: int) -> bool:
        """Return whether a reader tries the key for a record of that log time, milliseconds."""
        return self.not_before <= log_time < self.not_after + TRIED_AFTER_END_MS


class ManifestBook:
    """The verified manifests of all agencies."""

    def __init__(self, deployment: str, manifests: Iterable[VerifiedManifest] = ()) -> None:
        """Build the book.

        Args:
            deployment: the partnership's id.
            manifests: any order; for one agency their versions must follow each other.

        Raises:
            ManifestError: `manifest_conflict`, `manifest_rollback`, `manifest_key_prolonged` or
                `manifest_revocation_early`.
        """
        self.deployment = deployment
        by_agency: dict[str, dict[bytes, VerifiedManifest]] = {}
        for verified in sorted(manifests, key=lambda v: v.place):
            by_agency.setdefault(verified.manifest.agency, {}).setdefault(verified.hash, verified)
        self._all = {agency: tuple(found.values()) for agency, found in by_agency.items()}
        self._delegations = {agency: _delegations(found) for agency, found in self._all.items()}
        self._stand = {agency: _stand(found) for agency, found in self._delegations.items()}
        self._history: Mapping[str, tuple[VerifiedManifest, ...]] = {
            agency: self._effective(agency) for agency in self._all
        }
        self._cosigning: dict[tuple[str, str], Mapping[bytes, CosigningKey]] = {}
        self._stops: dict[str, tuple[Stop, ...]] = {}

    def _effective(self, agency: str) -> tuple[VerifiedManifest, ...]:
        """Return an agency's manifests that are not void. Each replaces the one before it."""
        history: list[VerifiedManifest] = []
        keys: dict[bytes, ManifestKey] = {}
        for verified in self._all[agency]:
            if self.is_void(verified):
                continue
            if history:
                # a key that was dropped and is listed again is the same key
                verify_successor(history[-1], verified, keys)
            history.append(verified)
            keys |= {key.kid: key for key in verified.manifest.keys}
        return tuple(history)

    def is_void(self, verified: VerifiedManifest) -> bool:
        """Return whether its keys are withdrawn and no delegation lists it as valid."""
        stand = self._stand.get(verified.manifest.agency, {})
        return any(
            kid in stand and verified.hash not in stand[kid]
            for kid in verified.delegation.delegation.kids
        )

    def adding(self, verified: VerifiedManifest) -> ManifestBook:
        """Return the book with one more manifest; the same book if it is already known.

        Raises:
            ManifestError: `manifest_void`, `manifest_conflict`, `manifest_rollback`,
                `manifest_key_prolonged` or `manifest_revocation_early`: an agency's versions only
                increase.
        """
        agency = verified.manifest.agency
        if self.is_void(verified):
            raise ManifestError(
                f"The manifest of {agency}, version {verified.manifest.version}, is void: its "
                "manifest keys are withdrawn.",
                code="manifest_void",
                fix=f"Use {agency}'s newest manifest.",
            )
        history = self._history.get(agency, ())
        if any(known.hash == verified.hash for known in history):
            return self
        self._require_one_text(verified.delegation)
        if history and verified.place <= history[-1].place:
            same = (one for one in history if one.place == verified.place)
            verify_successor(next(same, history[-1]), verified)
        return ManifestBook(self.deployment, (*self.all(), verified))

    def _require_one_text(self, delegation: VerifiedDelegation) -> None:
        """Check that no other text of the delegation's version is known, however old it is."""
        content = delegation.delegation
        for known in self.delegations(content.agency):
            if known.delegation.version == content.version and known.hash != delegation.hash:
                raise ManifestError(
                    f"There are two texts of the delegation of {content.agency}, version "
                    f"{content.version}.",
                    code="manifest_conflict",
                    fix=f"Keep both as evidence and ask {content.agency}.",
                )

    def all(self) -> tuple[VerifiedManifest, ...]:
        """Return every manifest, void ones too; agencies by id, versions ascending."""
        return tuple(v for agency in sorted(self._all) for v in self._all[agency])

    def newest_verified(self, agency: str) -> VerifiedManifest | None:
        """Return an agency's newest manifest with its delegation; None if there is none."""
        history = self._history.get(agency)
        return history[-1] if history else None

    def holds(self, agency: str, digest: bytes) -> bool:
        """Return whether a manifest of an agency with this hash is known, void or not."""
        return any(one.hash == digest for one in self._all.get(agency, ()))

    def delegations(self, agency: str) -> tuple[VerifiedDelegation, ...]:
        """Return an agency's delegations, versions ascending; empty if there is none."""
        return self._delegations.get(agency, ())

    def void(self, agency: str) -> tuple[VerifiedManifest, ...]:
        """Return an agency's void manifests."""
        return tuple(one for one in self._all.get(agency, ()) if self.is_void(one))

    def agencies(self) -> tuple[str, ...]:
        """Return ids of all agencies with a manifest, sorted."""
        return tuple(sorted(self._history))

    def history(self, agency: str) -> tuple[VerifiedManifest, ...]:
        """Return an agency's manifests, versions ascending; empty if there is none."""
        return self._history.get(agency, ())

    def newest(self, agency: str) -> Manifest | None:
        """Return an agency's newest manifest, expired or not; None if there is none."""
        history = self._history.get(agency)
        return history[-1].manifest if history else None

    def stream_key(self, agency: str, key_id_: bytes) -> CosigningKey | None:
        """Return the stream key of a signature line's key id (4 bytes), None if it is not listed.

        Check `at(log_time)` before you trust a signature of it.
        """
        return self._keys(agency, STREAM).get(key_id_)

    def receipt_key(self, agency: str, key_id_: bytes) -> CosigningKey | None:
        """Return the receipt key of a line's key id (4 bytes), None if it is not listed."""
        return self._keys(agency, RECEIPT).get(key_id_)

    def exchange_key(self, agency: str, now: int) -> ExchangeKey:
        """Return the key to which a sender wraps for an agency now: the valid one that began last.

        Args:
            agency: the recipient.
            now: milliseconds since the epoch.

        Raises:
            RegistryError: `manifest_missing`, `manifest_expired` or `exchange_key_missing`; names
                the recipient.
        """
        manifest = self.current(agency, now)
        usable = [
            key
            for key in manifest.keys_of(EXCHANGE, XWING)
            if key.valid_at(now) and self.revoked_since(agency, key.kid) is None
        ]
        if not usable:
            raise RegistryError(
                f"{agency} has no valid exchange key: nothing can be sealed for it.",
                code="exchange_key_missing",
                fix=f"Ask {agency} to run: concordant keys renew",
            )
        return _exchange_key(agency, max(usable, key=lambda key: key.not_before))

    def exchange_keys(self, agency: str) -> tuple[ExchangeKey, ...]:
        """Return every exchange key that an agency ever listed, newest first.

        A reader selects among its own keys by `tried_at(log_time)`.
        """
        found: dict[bytes, ExchangeKey] = {}
        for verified in self._history.get(agency, ()):
            for key in verified.manifest.keys_of(EXCHANGE, XWING):
                found[key.kid] = _exchange_key(agency, key)
        return tuple(sorted(found.values(), key=lambda k: (k.not_before, k.kid), reverse=True))

    def current(self, agency: str, now: int) -> Manifest:
        """Return an agency's newest manifest, which must not have expired.

        Raises:
            RegistryError: `manifest_missing` or `manifest_expired`; names the agency.
        """
        manifest = self.newest(agency)
        if manifest is None:
            raise RegistryError(
                f"There is no manifest of {agency}.",
                code="manifest_missing",
                fix=f"Copy the newest {agency}.NUMBER.note from another party's folder "
                "manifests/, or connect to Kafka.",
            )
        if manifest.expires <= now:
            raise RegistryError(
                f"The newest manifest of {agency}, version {manifest.version}, has expired.",
                code="manifest_expired",
                fix=f"Ask {agency} to run: concordant keys renew",
            )
        return manifest

    def revoked_since(self, agency: str, kid: bytes) -> int | None:
        """Return the earliest revocation time of a key in any version, milliseconds, or None."""
        times = (one.since for one in self._revocations(agency) if one.kid == kid)
        return min(times, default=None)

    def _revocations(self, agency: str) -> Iterator[Revocation]:
        for verified in self._history.get(agency, ()):
            yield from verified.manifest.revocations
        for delegation in self.delegations(agency):
            yield from delegation.delegation.revocations

    def revocation_times(self, agency: str) -> tuple[int, ...]:
        """Return times in s from which stream and receipt keys are revoked, rounded up.

        There is one time for each key, the earliest: no other time, and no other key, decides about
        a receipt.
        """
        signing = {
            key.kid
            for verified in self.history(agency)
            for key in verified.manifest.keys
            if key.role in (STREAM, RECEIPT)
        }
        earliest: dict[bytes, int] = {}
        for one in self._revocations(agency):
            if one.kid in signing:
                earliest[one.kid] = min(one.since, earliest.get(one.kid, one.since))
        return tuple(sorted({-(-since // 1000) for since in earliest.values()}))

    def stops(self, agency: str) -> tuple[Stop, ...]:
        """Return the suspensions and departures that an agency has stated, in any version."""
        found = self._stops.get(agency)
        if found is None:
            delegations = self.delegations(agency)
            found = self._stops[agency] = stops_of(self.history(agency), delegations)
        return found

    def _keys(self, agency: str, role: str) -> Mapping[bytes, CosigningKey]:
        keys = self._cosigning.get((agency, role))
        if keys is None:
            keys = self._cosigning[agency, role] = self._index(agency, role)
        return keys

    def _index(self, agency: str, role: str) -> Mapping[bytes, CosigningKey]:
        """Return keys of a role by the key id of their cosignatures.

        An agency can make two keys with the same key id in 2^16 tries. The one listed first keeps
        the id, and signatures of the other do not verify.
        """
        name = key_name(self.deployment, agency)
        listed: dict[bytes, list[tuple[ManifestKey, int]]] = {}
        for verified in self._history.get(agency, ()):
            for key in verified.manifest.keys_of(role, ED25519):
                listed.setdefault(key.kid, []).append((key, verified.manifest.expires))
        found: dict[bytes, CosigningKey] = {}
        for kid, versions in listed.items():
            public = versions[0][0].public
            short = key_id(name, COSIGNATURE_ED25519, public)
            if short in found:
                continue
            found[short] = CosigningKey(
                agency=agency,
                kid=kid,
                verifier=note_verifier(name, COSIGNATURE_ED25519, Ed25519Verifier(public)),
                periods=tuple((k.not_before, min(k.not_after, end)) for k, end in versions),
                validity=(versions[0][0].not_before, max(k.not_after for k, _ in versions)),
                revoked_since=self.revoked_since(agency, kid),
            )
        return found


def _exchange_key(agency: str, key: ManifestKey) -> ExchangeKey:
    return ExchangeKey(agency, key.kid, key.public, key.not_before, key.not_after)


def _delegations(manifests: Iterable[VerifiedManifest]) -> tuple[VerifiedDelegation, ...]:
    """Return the delegations of one agency's manifests. If a version has two texts, the first."""
    found: dict[int, VerifiedDelegation] = {}
    for verified in manifests:
        found.setdefault(verified.delegation.delegation.version, verified.delegation)
    return tuple(found.values())


def _stand(delegations: Iterable[VerifiedDelegation]) -> Mapping[bytes, frozenset[bytes]]:
    """Return the hashes of the valid manifests of each withdrawn key, by the latest delegation."""
    found: dict[bytes, frozenset[bytes]] = {}
    for delegation in delegations:
        for withdrawn in delegation.delegation.withdrawn:
            found |= dict.fromkeys(withdrawn.keys, frozenset(withdrawn.stand))
    return found
