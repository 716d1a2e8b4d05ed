"""Signatures of releases of figures: made by the agency that publishes, checked by a reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import orjson

from broker.agency.participant import Participant, load_participant
from broker.agency.running import open_held_state
from broker.envelope.primitives import Ed25519Verifier, b64, strict_b64
from broker.errors import NoteError, RefusedError, WrongInputError
from broker.figures.altered_rows import altered_rows_named
from broker.figures.counting import parse_period
from broker.figures.counts_held import counts_of_partners
from broker.figures.own_counts import own_counts
from broker.keys.governance import key_name
from broker.keys.kid import ED25519 as KEY_ED25519
from broker.keys.kid import RECEIPT
from broker.operations.figure_publishers import publishers_at
from broker.releases.figures_release import FiguresRelease
from broker.statements.authorship import author, require_author
from broker.statements.figure_releases import (
    SIGNED,
    ReleaseStatement,
    content_hash,
    note_within,
    parse_release,
    sign_release,
)
from broker.store.database import state_exists
from broker.tlog.note import ED25519, Note, NoteVerifier, note_verifier, verify_note

KEY_BYTES: Final = 32
"""Size of an Ed25519 public key."""


class ReleaseAuthor:
    """The agency that signs the forms of a release.

    Args:
        participant: the agency.
        release: the release.
        now: ms; the notes state it, and the receipt key must be valid then.

    Raises:
        RegistryError, KeyAccessError: no receipt key can sign now.
    """

    def __init__(self, participant: Participant, release: FiguresRelease, now: int) -> None:
        self._signer = author(participant.key_name, participant.receipt_signer(now))
        self._deployment = participant.deployment
        self._release = release
        self._now = now

    @classmethod
    def of_folder(cls, agency: Path, release: FiguresRelease) -> ReleaseAuthor:
        """Return the agency of a folder, as it signs a release that was made just now."""
        return cls(load_participant(agency, release.made_ms), release, release.made_ms)

    def note(self, content: bytes) -> bytes:
        """Return the signed note of a form of the release.

        Args:
            content: the bytes of a file, or JSON.
        """
        release = self._release
        statement = ReleaseStatement(
            deployment=self._deployment,
            agency=release.agency,
            agreement=release.contract.name,
            period=release.period.name,
            counted=release.published.of,
            by=release.published.by,
            made_ms=self._now,
            threshold=release.control.suppress_below,
            round_to=release.published.round_to,
            counts=dict(release.published.contributors),
            content=content_hash(content),
        )
        return sign_release(statement, self._signer)

    def signed(self, document: Mapping[str, object]) -> dict[str, object]:
        """Return JSON with its note in the member `signed`."""
        return {**document, SIGNED: self.note(orjson.dumps(document)).decode()}


class CountsMatch(StrEnum):
    """Comparison of the hash of an agency's counts with the counts that the reader holds."""

    SAME = "same"
    OTHER = "other"
    """The reader holds other counts: some changed since, or the release rests on others."""
    NONE = "none"
    """The reader holds no counts of this agency."""


@dataclass(frozen=True, slots=True)
class CheckedRelease:
    """Result of a check.

    Attributes:
        statement: what the note says; None if there is no note of a release.
        fault: reason code; None if the signature holds for these bytes.
        key: the key that signed, as `verifier_of` reads it; None if it is not known.
        counts: for each agency whose counts went in, whether the reader holds the same.
        publishers: the parties that the agreement let publish figures when the file was made; None
            if the reader does not know the agreement of that time.
    """

    statement: ReleaseStatement | None
    fault: str | None
    key: str | None
    counts: Mapping[str, CountsMatch]
    publishers: frozenset[str] | None = None


def check_release(
    content: bytes, beside: bytes | None, verifier: NoteVerifier | Path, now: int
) -> CheckedRelease:
    """Check who published a file, from whose counts, and whether it has been changed.

    Args:
        content: bytes of the file.
        beside: the note beside it, if there is one; JSON carries its own.
        verifier: a key of the agency that published it, or the folder of an agency of the
            partnership, which knows the keys of all.
        now: ms.

    Raises:
        ConcordantError: the folder cannot be read.
    """
    reader = load_participant(verifier, now) if isinstance(verifier, Path) else verifier
    raw = note_within(content) or beside
    if raw is None:
        return CheckedRelease(None, "release_unsigned", None, {})
    try:
        note, statement = parse_release(raw)
    except NoteError as error:
        return CheckedRelease(None, error.code, None, {})
    try:
        if isinstance(reader, Participant):
            key = _signed_by_partner(note, statement, reader)
        else:
            key = _signed_by(note, statement, reader)
    except NoteError as error:
        return CheckedRelease(statement, error.code, None, {})
    fault = None if content_hash(content) == statement.content else "release_changed"
    if not isinstance(reader, Participant):
        return CheckedRelease(statement, fault, key, {})
    publishers = publishers_at(reader, statement.agreement, statement.made_ms)
    if fault is None and publishers is not None and statement.agency not in publishers:
        fault = "release_publisher_other"
    return CheckedRelease(statement, fault, key, _held(statement, reader, now), publishers)


def verifier_of(text: str) -> NoteVerifier:
    """Return the key that a text names: `DEPLOYMENT/AGENCY+ID+BASE64`, as C2SP writes it.

    Raises:
        WrongInputError: `release_key_malformed`.
    """
    name, _, rest = text.strip().partition("+")
    identifier, _, encoded = rest.partition("+")
    try:
        raw = strict_b64(encoded)
        if raw[:1] != ED25519 or len(raw) != 1 + KEY_BYTES:
            raise ValueError("another type or length of key")
        verifier = note_verifier(name, ED25519, Ed25519Verifier(raw[1:]))
        if verifier.key_id.hex() != identifier:
            raise ValueError("another key id")
    except ValueError:
        raise WrongInputError(
            "This is not a key of an agency that publishes figures, or a part of it is missing.",
            code="release_key_malformed",
            where="--key",
            fix="Copy all of the key: NAME+ID+BASE64. An agency of the partnership gets it with "
            "concordant figures-check FILE --agency DIR.",
        ) from None
    return verifier


def _formatted(verifier: NoteVerifier) -> str:
    return f"{verifier.name}+{verifier.key_id.hex()}+{b64(verifier.type + verifier.key.public)}"


def _signed_by(note: Note, statement: ReleaseStatement, verifier: NoteVerifier) -> str:
    if verifier.name != key_name(statement.deployment, statement.agency):
        raise _signer_unknown()
    try:
        return _formatted(verify_note(note, [verifier])[0])
    except NoteError:
        raise _signer_unknown() from None


def _signed_by_partner(note: Note, statement: ReleaseStatement, participant: Participant) -> str:
    manifests = participant.manifests
    if statement.deployment != participant.deployment:
        raise _signer_unknown()
    try:
        signed = require_author(note, manifests, statement.agency, RECEIPT, statement.made_ms)
    except RefusedError:
        raise _signer_unknown() from None
    name = key_name(statement.deployment, statement.agency)
    return next(
        _formatted(found)
        for manifest in manifests.history(statement.agency)
        for key in manifest.manifest.keys_of(RECEIPT, KEY_ED25519)
        for found in [note_verifier(name, ED25519, Ed25519Verifier(key.public))]
        if found.key_id == signed
    )


def _held(
    statement: ReleaseStatement, participant: Participant, now: int
) -> dict[str, CountsMatch]:
    """Compare the counts that went in with those that this agency counts now."""
    held = dict.fromkeys(sorted(statement.counts), CountsMatch.NONE)
    contract = next(
        (
            one.signed.contract
            for one in participant.contracts_in_force(now)
            if one.signed.contract.name == statement.agreement
        ),
        None,
    )
    if contract is None or not state_exists(participant.state):
        return held
    secret, agency = participant.keyring.secret(), participant.agency
    period = parse_period(statement.period)
    books = (participant.contracts, participant.manifests)
    store = open_held_state(participant)
    try:
        with store.reading() as tx, altered_rows_named():
            own = own_counts(tx, secret, contract, agency, period)
            others = counts_of_partners(tx, secret, contract, period, *books)
    finally:
        store.close()
    for one in (*others.counted, *(() if own is None else (own,))):
        if one.agency in held:
            same = one.digest.hex() == statement.counts[one.agency]
            held[one.agency] = CountsMatch.SAME if same else CountsMatch.OTHER
    return held


def _signer_unknown() -> NoteError:
    return NoteError("This key did not sign the release.", code="release_signer_unknown")
