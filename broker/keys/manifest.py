"""Manifest of an agency: its keys, their purposes and validity (spec: keys).

A manifest is a signed note over canonical JSON. Parsing is strict, so that a manifest has one form.
Verifying is pure: bytes, the governance keys that a contract pins, and `now`. The type shows the
trust: a `SignedManifest` is parsed but unverified, a `VerifiedManifest` was signed by the agency.
`verify_successor` checks whether a manifest replaces the one before it. Store the highest version
only after both checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from broker.envelope.canonical import CanonicalError, format_json, parse_json
from broker.envelope.primitives import HASH_BYTES
from broker.errors import ManifestError, NoteError
from broker.keys.enrolment import verify_possession, verify_public
from broker.keys.governance import GovernancePublic, key_name
from broker.keys.instant import CLOCK_SKEW_MS
from broker.keys.keyfile import Base64, Instant
from broker.keys.kid import ALGORITHMS, LONGEST_LIFE_MS, SIGNING_ROLES, STREAM, kid
from broker.tlog.note import Note, parse_note, verify_note_by_all
from contracts.durations import DAY_MS

HEADER: Final = "concordant.manifest/v1"
MANIFEST_LIMIT_BYTES: Final = 512 * 1024
"""Maximum size in bytes. A year of retired exchange keys takes about 30 kB."""
LONGEST_MANIFEST_LIFE_MS: Final = 30 * DAY_MS
KEYS_LIMIT: Final = 256

Id = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?\z")]
Kid = Annotated[Base64, Field(min_length=HASH_BYTES, max_length=HASH_BYTES)]
ContractHash = Annotated[Base64, Field(min_length=HASH_BYTES, max_length=HASH_BYTES)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"\A[^\x00-\x1f]+\z")]
Version = Annotated[int, Field(ge=1, le=2**53 - 1)]


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


class Revocation(_Document):
    """A key that may be compromised since the stated time."""

    kid: Kid
    since: Instant
    reason: Line


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
    versions: Annotated[
        tuple[ContractHash, ...], Field(min_length=1, max_length=KEYS_LIMIT, strict=False)
    ]
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
    """Content of an agency's manifest."""

    agency: Id
    deployment: Id
    version: Version
    issued: Instant
    expires: Instant
    contacts: dict[Id, Line] = Field(default_factory=dict)
    keys: tuple[ManifestKey, ...] = Field(max_length=KEYS_LIMIT, strict=False)
    revocations: tuple[Revocation, ...] = Field(default=(), max_length=KEYS_LIMIT, strict=False)
    standing: tuple[StandingEntry, ...] = Field(default=(), max_length=KEYS_LIMIT, strict=False)

    def keys_of(self, role: str, algorithm: str) -> tuple[ManifestKey, ...]:
        """Return the keys of one role and algorithm, in the manifest's order."""
        return tuple(k for k in self.keys if (k.role, k.algorithm) == (role, algorithm))


@dataclass(frozen=True, slots=True)
class SignedManifest:
    """A parsed manifest whose signatures are not verified."""

    manifest: Manifest
    note: Note
    raw: bytes


@dataclass(frozen=True, slots=True)
class VerifiedManifest:
    """A manifest that its agency's governance keys signed and that passed every check."""

    manifest: Manifest
    raw: bytes


def manifest_text(manifest: Manifest) -> bytes:
    """Return the text that the governance keys sign."""
    document = format_json(manifest.model_dump(mode="json", exclude_none=True))
    return f"{HEADER}\n{manifest.deployment}\n".encode() + document + b"\n"


def parse_manifest(raw: bytes, where: str | None = None) -> SignedManifest:
    """Parse a manifest's note.

    Args:
        raw: the note's bytes.
        where: a file name or other place, for errors.

    Raises:
        ManifestError: code `manifest_malformed`.
    """
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
    return SignedManifest(manifest, note, raw)


def verify_manifest(
    signed: SignedManifest,
    governance: Iterable[GovernancePublic],
    *,
    deployment: str,
    now: int,
    where: str | None = None,
) -> VerifiedManifest:
    """Check one manifest: signatures, dates, and every key in it.

    An expired manifest passes, because older records are judged by it; the manifest book decides
    whether one is current.

    Args:
        signed: result of `parse_manifest`.
        governance: the governance pairs that contracts pin for the agency; any one is enough.
        deployment: the partnership's id.
        now: milliseconds since the epoch.
        where: a file name or other place, for errors.

    Raises:
        ManifestError: codes `manifest_foreign`, `manifest_unpinned` (no contract pins a key of this
            agency), `manifest_signature_invalid`, `manifest_dates_invalid`, `manifest_early`,
            `manifest_key_invalid`, `manifest_key_shared`, `manifest_keys_overlap`, `key_malformed`,
            `key_small_order` or `possession_invalid`.
    """
    manifest = signed.manifest
    try:
        pairs = tuple(governance)
        _verify_signatures(signed, pairs, deployment)
        _verify_dates(manifest, now)
        _verify_keys(manifest, pairs)
    except ManifestError as error:
        raise ManifestError(
            f"The manifest of {manifest.agency}, version {manifest.version}, is refused: "
            f"{error.detail}",
            code=error.code,
            where=where or error.where,
            fix=error.fix or f"Ask {manifest.agency} for its manifest.",
        ) from None
    return VerifiedManifest(manifest, signed.raw)


def verify_successor(
    previous: VerifiedManifest,
    following: VerifiedManifest,
    listed: Mapping[bytes, ManifestKey] | None = None,
) -> None:
    """Check that a manifest may replace the newest known one.

    Args:
        previous: the newest known one.
        following: the one that may replace it.
        listed: every key that a version up to ``previous`` listed, by kid, in its last form; the
            keys of ``previous`` if left out.

    Raises:
        ManifestError: `manifest_conflict` (one version, two texts), `manifest_rollback`,
            `manifest_key_prolonged` (a key's lifetime counts from its first start).
    """
    old, new = previous.manifest, following.manifest
    named = f"The manifest of {new.agency}, version {new.version},"
    # compare without signatures: the Kafka operator could add a signature line of an unknown key
    if new.version == old.version and new != old:
        raise ManifestError(
            f"{named} exists with two texts.",
            code="manifest_conflict",
            fix=f"Keep both as evidence and ask {new.agency}.",
        )
    if new.version <= old.version or new.issued < old.issued:
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


def _verify_signatures(
    signed: SignedManifest, pairs: tuple[GovernancePublic, ...], deployment: str
) -> None:
    manifest = signed.manifest
    if manifest.deployment != deployment:
        raise ManifestError("it is of another deployment.", code="manifest_foreign")
    name = key_name(manifest.deployment, manifest.agency)
    if not pairs:
        raise ManifestError(
            "no contract that we signed pins a key of this agency.", code="manifest_unpinned"
        )
    for pair in pairs:
        try:
            verify_note_by_all(signed.note, pair.note_verifiers(name))
        except NoteError:
            continue
        return
    raise ManifestError(
        "the agency's two governance keys have not both signed it.",
        code="manifest_signature_invalid",
    )


def _verify_dates(manifest: Manifest, now: int) -> None:
    life = manifest.expires - manifest.issued
    if not 0 < life <= LONGEST_MANIFEST_LIFE_MS:
        raise ManifestError(
            "its validity must be more than 0 and at most 30 days.", code="manifest_dates_invalid"
        )
    if manifest.issued > now + CLOCK_SKEW_MS:
        raise ManifestError(
            "its date of issue is in the future.", code="manifest_early", fix="Check both clocks."
        )


def _verify_keys(manifest: Manifest, pairs: tuple[GovernancePublic, ...]) -> None:
    publics: set[bytes] = {half for p in pairs for half in (p.ed25519, p.ml_dsa_65)}
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
