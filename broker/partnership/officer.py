"""Public file of an officer: the governance keys that one officer of an agency made.

Each officer makes a pair on a machine of its own, and gives this file to the other officers (spec:
entries, "Officers"). The file is a signed note: both keys of the pair sign it and prove possession.
It holds no secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict

from broker.errors import EntryError, ManifestError, NoteError
from broker.keys.governance import PAIR_LINES, GovernancePublic, GovernanceSigner, key_name
from broker.keys.instant import CLOCK_SKEW_MS, whole_second
from broker.keys.keyfile import Instant
from broker.keys.signed_document import Id, MalformedDocument, document_text, parse_document
from broker.partnership.entry import (
    OfficerName,
    PairEntry,
    possession_of,
    verify_possession_of,
)
from broker.partnership.profile import AgencyId
from broker.tlog.note import Note, format_note, sign_note

HEADER: Final = "concordant.officer/v1"
OFFICER_LIMIT_BYTES: Final = 32 * 1024
"""Maximum size in bytes. A file has about 12 kB."""


class OfficerStatement(BaseModel):
    """Statement of an officer about its own pair."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    agency: AgencyId
    deployment: Id
    governance: PairEntry
    issued: Instant
    officer: OfficerName


@dataclass(frozen=True, slots=True)
class OfficerFile:
    """The verified file of an officer.

    Attributes:
        statement: its content.
        raw: its bytes.
    """

    statement: OfficerStatement
    raw: bytes

    @property
    def name(self) -> str:
        """Return the name of the office."""
        return self.statement.officer

    @property
    def public(self) -> GovernancePublic:
        """Return the officer's pair."""
        return self.statement.governance.public


def make_officer_file(signer: GovernanceSigner, officer: str, now: int) -> OfficerFile:
    """Make and sign the file of an officer.

    Args:
        signer: the officer's pair.
        officer: name of the office.
        now: milliseconds since the epoch.

    Raises:
        EntryError: others would refuse the result.
    """
    statement = OfficerStatement(
        agency=signer.agency,
        deployment=signer.deployment,
        governance=possession_of(signer),
        issued=whole_second(now),
        officer=officer,
    )
    note = sign_note(document_text(HEADER, signer.deployment, statement), signer.note_signers())
    return verify_officer_file(
        format_note(note), agency=signer.agency, deployment=signer.deployment, now=now
    )


def parse_officer_file(raw: bytes, where: str | None = None) -> OfficerStatement:
    """Read the file of an officer without checking its signatures.

    Raises:
        EntryError: `officer_invalid`.
    """
    try:
        return _parsed(raw)[0]
    except MalformedDocument as error:
        raise _refused(str(error), where) from None


def _parsed(raw: bytes) -> tuple[OfficerStatement, Note]:
    if len(raw) > OFFICER_LIMIT_BYTES:
        raise MalformedDocument("it is too large")
    return parse_document(raw, header=HEADER, model=OfficerStatement, signatures=(PAIR_LINES,))


def _refused(problem: str, where: str | None) -> EntryError:
    return EntryError(
        f"The file of an officer is refused: {problem.rstrip('.')}.",
        code="officer_invalid",
        where=where,
        fix="Nothing was changed. Ask the officer for the file that it made with: concordant "
        "agency officer new",
    )


def verify_officer_file(
    raw: bytes, *, agency: str, deployment: str, now: int, where: str | None = None
) -> OfficerFile:
    """Check the file of an officer.

    Args:
        raw: the file's bytes.
        agency: the agency's id.
        deployment: the partnership's id.
        now: milliseconds since the epoch.
        where: the file's name, for errors.

    Raises:
        EntryError: `officer_invalid`.
    """
    try:
        statement, note = _parsed(raw)
        if (statement.agency, statement.deployment) != (agency, deployment):
            raise MalformedDocument(f"it is not of {agency} in the deployment {deployment}")
        if statement.issued > now + CLOCK_SKEW_MS:
            raise MalformedDocument("it was issued in the future")
        verify_possession_of(statement.governance, deployment, agency)
        statement.governance.public.require_signed(note, key_name(deployment, agency))
    except (MalformedDocument, ManifestError, NoteError) as error:
        problem = error.detail if isinstance(error, (ManifestError, NoteError)) else str(error)
        raise _refused(problem, where) from None
    return OfficerFile(statement, raw)
