"""Manifest of an agency: its keys, their purposes and validity (spec: keys).

A manifest is a signed note over canonical JSON. It follows the delegation of the keys that sign it.
Both are in one file and in one record, and are accepted or refused together. Parsing is strict, so
that a manifest has one form. Verification is pure: it takes bytes, the governance keys that a
contract names, and `now`. The type shows the trust: a `SignedManifest` is parsed but unverified, a
`VerifiedManifest` was signed by the agency. `verify_successor` checks whether a manifest replaces
the one before it. Store the highest version only after both checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from broker.envelope.canonical import CanonicalError, format_json, parse_json
from broker.envelope.primitives import Ed25519Verifier, MlDsa65Verifier, sha256
from broker.errors import ManifestError, NoteError
from broker.keys.delegation import (
    DELEGATION_LIMIT_BYTES,
    Revocation,
    SignedDelegation,
    VerifiedDelegation,
    parse_delegation,
    verify_delegation,
)
from broker.keys.enrolment import verify_possession, verify_public
from broker.keys.governance import Governance, key_name
from broker.keys.instant import CLOCK_SKEW_MS
from broker.keys.keyfile import Base64, Instant
from broker.keys.kid import ALGORITHMS, LONGEST_LIFE_MS, SIGNING_ROLES, STREAM, kid
from broker.keys.signed_document import Hash, Id, Version
from broker.keys.signed_document import StatementLine as Line
from broker.tlog.note import ED25519 as NOTE_ED25519
from broker.tlog.note import ML_DSA_65 as NOTE_ML_DSA_65
from broker.tlog.note import Note, NoteVerifier, note_verifier, parse_note, verify_note_by_all
from contracts.durations import DAY_MS

HEADER: Final = "concordant.manifest/v1"
MANIFEST_LIMIT_BYTES: Final = 512 * 1024
"""Maximum size in bytes. A year of retired exchange keys takes about 30 kB."""
MANIFEST_FILE_LIMIT_BYTES: Final = DELEGATION_LIMIT_BYTES + MANIFEST_LIMIT_BYTES
"""Maximum size in bytes of a delegation and the manifest after it."""
LONGEST_MANIFEST_LIFE_MS: Final = 30 * DAY_MS
REVOCATION_LOOKS_BACK_MS: Final = 7 * DAY_MS
"""A manifest may revoke a key from at most this long ago. A delegation has no such limit."""
KEYS_LIMIT: Final = 256


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ManifestKey(_Document):
    """One public key with its role and validity.

    `not_before` is included and `not_after` is not.
    """

    kid: Base64
    role: Literal["stream", "exchange", "receipt"]
    algorithm: Literal["ed25519", "ml-dsa-44", "mlkem768-x25519"]
    public: Base64
    not_before: Instant
    not_after: Instant
    possession: Base64 | None = None

    def valid_at(self, moment: int) -> bool:
        """Return whether the key's own validity covers the moment, milliseconds."""
        return self.not_before <= moment < self.not_after


class StatedRevocation(Revocation):
    """A revocation in a manifest; it begins at most 7 days before it is first stated.

    Attributes:
        stated: issue of the first manifest that states this revocation; later ones repeat it.
    """

    stated: Instant


class StandingEntry(_Document):
    """The agency's own suspension of its part of a contract, or departure from the contract.

    Attributes:
        contract: its name.
        versions: SHA-256 of the file of each version that the agency had signed, ascending.
        state: a departure has no end.
        since: start, included.
        until: end of a suspension, excluded; None while it lasts.
        reason: a code.
        until_reason: a code, why the suspension ended.
    """

    contract: Line
    versions: Annotated[tuple[Hash, ...], Field(min_length=1, max_length=KEYS_LIMIT, strict=False)]
    state: Literal["suspended", "left"]
    since: Instant
    until: Instant | None = None
    reason: Line
    until_reason: Line | None = None

    @model_validator(mode="after")
    def _in_one_form(self) -> StandingEntry:
        if any(one >= other for one, other in pairwise(self.versions)):
            raise ValueError("versions are not in ascending order")
        if self.until is not None and (self.state == "left" or self.until < self.since):
            raise ValueError("only a suspension ends, and not before it begins")
        if (self.until is None) != (self.until_reason is None):
            raise ValueError("an end and its reason go together")
        return self

    @property
    def name(self) -> tuple[str, str, int]:
        """Return what identifies it in all manifests of the agency."""
        return self.contract, self.state, self.since


class Manifest(_Document):
    """Content of an agency's manifest.

    Attributes:
        version: time of issue, milliseconds; higher than that of every earlier manifest under the
            same delegation.
        delegation: hash of the text of the delegation that names the signing keys.
    """

    agency: Id
    deployment: Id
    version: Version
    delegation: Hash
    issued: Instant
    expires: Instant
    contacts: dict[Id, Line] = Field(default_factory=dict)
    keys: tuple[ManifestKey, ...] = Field(max_length=KEYS_LIMIT, strict=False)
    revocations: tuple[StatedRevocation, ...] = Field(
        default=(), max_length=KEYS_LIMIT, strict=False
    )
    standing: tuple[StandingEntry, ...] = Field(default=(), max_length=KEYS_LIMIT, strict=False)

    def keys_of(self, role: str, algorithm: str) -> tuple[ManifestKey, ...]:
        """Return the keys of one role and algorithm, in the manifest's order."""
        return tuple(k for k in self.keys if (k.role, k.algorithm) == (role, algorithm))


@dataclass(frozen=True, slots=True)
class SignedManifest:
    """A parsed manifest and its delegation, whose signatures are not verified.

    Attributes:
        raw: the file's bytes: the delegation, then the manifest.
    """

    manifest: Manifest
    note: Note
    delegation: SignedDelegation
    raw: bytes


@dataclass(frozen=True)
class VerifiedManifest:
    """A manifest that keys of its delegation signed, and that passed every check with it.

    Attributes:
        delegation: the governance keys signed it.
        raw: the file's bytes: the delegation, then the manifest.
    """

    manifest: Manifest
    delegation: VerifiedDelegation
    raw: bytes

    @cached_property
    def hash(self) -> bytes:
        """Hash of the manifest's text. Signature lines are no part of it."""
        return sha256(manifest_text(self.manifest))

    @property
    def place(self) -> tuple[int, int]:
        """Versions of delegation and manifest; a newer manifest has a higher pair."""
        return self.delegation.delegation.version, self.manifest.version


def manifest_text(manifest: Manifest) -> bytes:
    """Return the text that the manifest keys sign."""
    document = format_json(manifest.model_dump(mode="json", exclude_none=True))
    return f"{HEADER}\n{manifest.deployment}\n".encode() + document + b"\n"


def parse_manifest(raw: bytes, where: str | None = None) -> SignedManifest:
    """Parse a delegation and the manifest after it.

    Args:
        raw: the bytes of both notes, one after the other.
        where: a file name or other place, for errors.

    Raises:
        ManifestError: code `manifest_malformed` or `delegation_malformed`.
    """
    if len(raw) > MANIFEST_FILE_LIMIT_BYTES:
        raise _malformed("it is too large", where)
    first, own = split_manifest(raw)
    if not first:
        raise _malformed("no delegation comes before it", where)
    delegation = parse_delegation(first, where)
    manifest, note = _parse_alone(own, where)
    return SignedManifest(manifest, note, delegation, raw)


def split_manifest(raw: bytes) -> tuple[bytes, bytes]:
    """Return the bytes of the delegation and those of the manifest; the first may be empty."""
    if raw.startswith(f"{HEADER}\n".encode()):
        return b"", raw
    delegation, begins, rest = raw.partition(f"\n{HEADER}\n".encode())
    return (delegation + b"\n", begins[1:] + rest) if begins else (b"", raw)


def _parse_alone(raw: bytes, where: str | None) -> tuple[Manifest, Note]:
    if len(raw) > MANIFEST_LIMIT_BYTES:
        raise _malformed("it is too large", where)
    try:
        note = parse_note(raw)
        header, deployment, document, end = note.text.decode("utf-8").split("\n")
        if (header, end) != (HEADER, ""):
            raise _malformed("it is a note of another kind", where)
        content = parse_json(document.encode())
        if _items(content) > KEYS_LIMIT:
            raise _malformed("it lists too much", where)
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise _malformed(f"the field {field}: {first['msg'].lower()}", where) from None
    except NoteError as error:
        raise _malformed(error.detail.rstrip("."), where) from None
    except CanonicalError as error:
        raise _malformed(str(error), where) from None
    except ValueError:
        raise _malformed("its text is not three lines", where) from None
    if manifest.deployment != deployment or manifest_text(manifest) != note.text:
        raise _malformed("its text is not canonical", where)
    return manifest, note


def verify_manifest(
    signed: SignedManifest,
    governance: Iterable[Governance],
    *,
    deployment: str,
    now: int,
    where: str | None = None,
) -> VerifiedManifest:
    """Check one manifest with its delegation: signatures, dates, and every key in it.

    An expired manifest passes, because older records are judged by it; the manifest book decides
    whether one is current.

    Args:
        signed: result of `parse_manifest`.
        governance: the keys that contracts name for the agency; one of them must have signed.
        deployment: the partnership's id.
        now: milliseconds since the epoch.
        where: a file name or other place, for errors.

    Raises:
        ManifestError: codes `manifest_foreign`, `manifest_unpinned` (no contract pins a key of this
            agency), `manifest_delegation_differs`, `manifest_signature_invalid`,
            `manifest_dates_invalid`, `manifest_early`, `manifest_revocation_early`,
            `manifest_key_invalid`, `manifest_key_shared`, `manifest_keys_overlap`, `key_malformed`,
            `key_small_order`, `possession_invalid`, or one of the delegation.
    """
    manifest = signed.manifest
    try:
        pairs = tuple(governance)
        delegation = _verify_delegated(signed, pairs, deployment, now)
        _verify_dates(manifest, delegation, now)
        _verify_revocations(manifest)
        _verify_keys(manifest, pairs, delegation)
    except ManifestError as error:
        raise ManifestError(
            f"The manifest of {manifest.agency}, version {manifest.version}, is refused: "
            f"{error.detail}",
            code=error.code,
            where=where or error.where,
            fix=error.fix or f"Ask {manifest.agency} for its manifest.",
        ) from None
    return VerifiedManifest(manifest, delegation, signed.raw)


def verify_successor(
    previous: VerifiedManifest,
    following: VerifiedManifest,
    listed: Mapping[bytes, ManifestKey] | None = None,
) -> None:
    """Check that a manifest may replace the newest known one.

    Manifests under a later delegation may have a lower version than manifests under the one before.
    So a thief of manifest keys cannot block the owner with a very high version.

    Args:
        previous: the newest known one.
        following: the one that may replace it.
        listed: every key that a version up to ``previous`` listed, by kid, in its last form; the
            keys of ``previous`` if left out.

    Raises:
        ManifestError: `manifest_conflict` (one version, two texts), `manifest_rollback`,
            `manifest_key_prolonged` (a key's lifetime counts from its first start), or
            `manifest_revocation_early` (a new revocation that claims to be an older one).
    """
    old, new = previous.manifest, following.manifest
    named = f"The manifest of {new.agency}, version {new.version},"
    # compare without signatures: the Kafka operator could add a signature line of an unknown key
    one_delegation = previous.delegation.hash == following.delegation.hash
    if previous.delegation.delegation.version == following.delegation.delegation.version and not (
        one_delegation
    ):
        raise ManifestError(
            f"{named} has a delegation of which there are two texts.",
            code="manifest_conflict",
            fix=f"Keep both as evidence and ask {new.agency}.",
        )
    if following.place == previous.place and new != old:
        raise ManifestError(
            f"{named} exists with two texts.",
            code="manifest_conflict",
            fix=f"Keep both as evidence and ask {new.agency}.",
        )
    if following.place <= previous.place or (one_delegation and new.issued < old.issued):
        raise ManifestError(
            f"{named} is older than version {old.version}, which was already seen (rollback).",
            code="manifest_rollback",
            fix=f"Use {new.agency}'s newest manifest.",
        )
    known = {key.kid: key for key in old.keys} if listed is None else listed
    for key in new.keys:
        before = known.get(key.kid)
        if before and (key.not_before != before.not_before or key.not_after > before.not_after):
            raise ManifestError(
                f"{named} moves or extends the validity of a key.", code="manifest_key_prolonged"
            )
    for revocation in new.revocations:
        if revocation.stated < old.issued and revocation not in old.revocations:
            raise ManifestError(
                f"{named} states a revocation as one that an earlier version had stated.",
                code="manifest_revocation_early",
            )


def _verify_delegated(
    signed: SignedManifest, pairs: tuple[Governance, ...], deployment: str, now: int
) -> VerifiedDelegation:
    """Return the delegation: governance keys signed it, and its keys signed the manifest."""
    manifest = signed.manifest
    if manifest.deployment != deployment:
        raise ManifestError("it is of another deployment.", code="manifest_foreign")
    if not pairs:
        raise ManifestError(
            "no contract that we signed pins a key of this agency.", code="manifest_unpinned"
        )
    named = signed.delegation.delegation
    if manifest.delegation != signed.delegation.hash or named.agency != manifest.agency:
        raise ManifestError(
            "it names another delegation than the one that comes with it.",
            code="manifest_delegation_differs",
        )
    delegation = verify_delegation(
        signed.delegation, pairs, deployment=deployment, now=now, expired_ok=True
    )
    try:
        verify_note_by_all(signed.note, manifest_verifiers(delegation))
    except NoteError:
        raise ManifestError(
            "the two manifest keys of its delegation have not both signed it.",
            code="manifest_signature_invalid",
        ) from None
    return delegation


def manifest_verifiers(delegation: VerifiedDelegation) -> tuple[NoteVerifier, NoteVerifier]:
    """Return verifiers of the two manifest keys that a delegation names."""
    content = delegation.delegation
    name = key_name(content.deployment, content.agency)
    first, second = (key.public for key in content.keys)
    return (
        note_verifier(name, NOTE_ED25519, Ed25519Verifier(first)),
        note_verifier(name, NOTE_ML_DSA_65, MlDsa65Verifier(second)),
    )


def _verify_dates(manifest: Manifest, delegation: VerifiedDelegation, now: int) -> None:
    life = manifest.expires - manifest.issued
    if not 0 < life <= LONGEST_MANIFEST_LIFE_MS:
        raise ManifestError(
            "its validity must be more than 0 and at most 30 days.", code="manifest_dates_invalid"
        )
    within = delegation.delegation
    if manifest.issued < within.issued or manifest.expires > within.expires:
        raise ManifestError(
            "its validity is not within that of its delegation.", code="manifest_dates_invalid"
        )
    if manifest.issued > now + CLOCK_SKEW_MS:
        raise ManifestError(
            "its date of issue is in the future.", code="manifest_early", fix="Check both clocks."
        )


def _verify_revocations(manifest: Manifest) -> None:
    for revocation in manifest.revocations:
        if revocation.stated > manifest.issued or (
            revocation.since < revocation.stated - REVOCATION_LOOKS_BACK_MS
        ):
            raise ManifestError(
                "a revocation looks back more than 7 days.", code="manifest_revocation_early"
            )


def _verify_keys(
    manifest: Manifest, pairs: tuple[Governance, ...], delegation: VerifiedDelegation
) -> None:
    publics: set[bytes] = {half for pair in pairs for half in pair.halves}
    publics |= {key.public for key in delegation.delegation.keys}
    for key in manifest.keys:
        label = f"the {key.role} key {key.kid.hex()[:16]}"
        if key.algorithm not in ALGORITHMS[key.role]:
            raise ManifestError(
                f"{label} has an algorithm of another role.", code="manifest_key_invalid"
            )
        if kid(key.role, key.algorithm, key.public) != key.kid:
            raise ManifestError(f"{label} does not match its id.", code="manifest_key_invalid")
        if not 0 < key.not_after - key.not_before <= LONGEST_LIFE_MS[key.role]:
            raise ManifestError(
                f"{label} has an empty validity, or one that is too long for its role.",
                code="manifest_key_invalid",
            )
        if key.public in publics:
            raise ManifestError(
                f"{label} is listed twice or serves two roles.", code="manifest_key_shared"
            )
        publics.add(key.public)
        verify_public(key.algorithm, key.public)
        if (key.possession is not None) != (key.role in SIGNING_ROLES):
            raise ManifestError(
                f"{label} lacks a proof of possession, or has one that its role does not allow.",
                code="possession_invalid",
            )
        if key.possession is not None:
            verify_possession(
                key.algorithm,
                key.public,
                key.possession,
                deployment=manifest.deployment,
                agency=manifest.agency,
                kid=key.kid,
            )
    _verify_one_stream_key_at_a_time(manifest)


def _verify_one_stream_key_at_a_time(manifest: Manifest) -> None:
    for algorithm in ALGORITHMS[STREAM]:
        keys = sorted(manifest.keys_of(STREAM, algorithm), key=lambda key: key.not_before)
        for before, after in pairwise(keys):
            if after.not_before < before.not_after:
                raise ManifestError(
                    "two stream keys are valid at the same time.", code="manifest_keys_overlap"
                )


def _items(content: object) -> int:
    """Return the length of the longest list or mapping, before the model checks each item."""
    parts = content.values() if isinstance(content, dict) else ()
    return max((len(part) for part in parts if isinstance(part, list | dict)), default=0)


def _malformed(reason: str, where: str | None) -> ManifestError:
    return ManifestError(
        f"Not a manifest: {reason}.",
        code="manifest_malformed",
        where=where,
        fix="Restore the file, or ask the agency for its manifest.",
    )
