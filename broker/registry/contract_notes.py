"""Note of one party under a contract: who signed, in what capacity, when, and the text shown.

Each party signs a note of its own, or each of its officers signs one (spec: contract signatures).
All lines of the note's text except the last follow from the contract file. So a note has exactly
one form: a reader builds the text again and compares the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from broker.envelope.canonical import CanonicalError, format_json, parse_json
from broker.envelope.primitives import b64, sha256, strict_b64
from broker.errors import NoteError, RegistryError
from broker.keys.governance import GovernanceSigner
from broker.keys.instant import format_instant, parse_instant
from broker.keys.signed_document import Line
from broker.tlog.note import Note, NoteVerifier, format_note, parse_note, sign_note, verify_note
from contracts.loading import ContractText

HEADER: Final = "concordant.contract/v1"
CONTRACT_NOTE_LIMIT_BYTES: Final = 64 * 1024
SHOWN_LIMIT_BYTES: Final = 4 * 1024 * 1024
_ABSENT: Final = "-"
_LINES: Final = 7
_SIGNATURES: Final = 2
_HASH_BYTES: Final = 32


class Signatory(BaseModel):
    """A person who signs for an agency, and their capacity. A role may replace the name."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Line
    capacity: Line


class _Act(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    agency: str
    capacity: Line
    name: Line
    officer: str | None = None
    shown: str
    time: str


@dataclass(frozen=True, slots=True)
class ContractNote:
    """A party's note; `verify_note_of` checks its signatures.

    Attributes:
        agency: the party.
        signatory: the person and their capacity.
        time: time of the signature, milliseconds since the epoch.
        shown: SHA-256 of the text that the signatory's machine showed.
        raw: the note's bytes.
        officer: name of the officer whose pair signed; None if the party has one pair.
    """

    agency: str
    signatory: Signatory
    time: int
    shown: bytes
    raw: bytes
    officer: str | None = None

    @property
    def signer(self) -> str:
        """Return the party's id, followed by its officer, as the names of files have it."""
        return signer_name(self.agency, self.officer)


def signer_name(agency: str, officer: str | None) -> str:
    """Return `AGENCY`, or `AGENCY.OFFICER` for one officer of several."""
    return agency if officer is None else f"{agency}.{officer}"


def note_text(
    text: ContractText,
    agency: str,
    signatory: Signatory,
    time: int,
    shown: bytes,
    officer: str | None = None,
) -> bytes:
    """Return the seven lines that a party signs.

    Args:
        text: the contract.
        agency: the party.
        signatory: who signs.
        time: milliseconds since the epoch.
        shown: SHA-256 of the text that was shown.
        officer: name of the officer whose pair signs; None if the party has one pair.
    """
    act = _Act(
        agency=agency,
        capacity=signatory.capacity,
        name=signatory.name,
        officer=officer,
        shown=b64(shown),
        time=format_instant(time),
    )
    return _head(text) + format_json(act.model_dump(exclude_none=True)) + b"\n"


def sign_contract_note(
    text: ContractText,
    signer: GovernanceSigner,
    signatory: Signatory,
    time: int,
    shown: bytes,
    officer: str | None = None,
) -> bytes:
    """Return a party's note with its signatures; the arguments are those of `note_text`."""
    signed = note_text(text, signer.agency, signatory, time, shown, officer)
    return format_note(sign_note(signed, signer.note_signers()))


def parse_contract_note(text: ContractText, raw: bytes, where: str | None = None) -> ContractNote:
    """Parse a note under a contract without checking its signatures.

    Raises:
        RegistryError: `contract_note_malformed`, or `contract_altered`: a line that follows from
            the contract file differs.
    """
    try:
        if len(raw) > CONTRACT_NOTE_LIMIT_BYTES:
            raise ValueError(f"it has more than {CONTRACT_NOTE_LIMIT_BYTES >> 10} KiB")
        note = parse_note(raw)
        *head, line, end = note.text.decode("utf-8").split("\n")
        if len(head) != _LINES - 1 or end or head[0] != HEADER:
            raise ValueError("its text is not the seven lines of a signature under a contract")
        if "".join(f"{one}\n" for one in head).encode() != _head(text):
            raise _altered(text, where)
        act = _Act.model_validate(parse_json(line.encode()))
        found = ContractNote(
            act.agency,
            Signatory(name=act.name, capacity=act.capacity),
            parse_instant(act.time),
            strict_b64(act.shown),
            raw,
            act.officer,
        )
        again = note_text(
            text, found.agency, found.signatory, found.time, found.shown, found.officer
        )
        if len(found.shown) != _HASH_BYTES or again != note.text:
            raise ValueError("its text is not canonical")
        if len(note.signatures) != _SIGNATURES or format_note(note) != raw:
            raise ValueError("it does not have exactly two signature lines")
    except NoteError as error:
        raise _malformed(text, error.detail, where) from None
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise _malformed(text, f"The field {field} is not valid.", where) from None
    except (CanonicalError, ValueError) as error:
        problem = str(error)
        raise _malformed(text, f"{problem[:1].upper()}{problem[1:]}.", where) from None
    return found


class NoteClaim(NamedTuple):
    """Contract, party and officer that a note names, before anything is verified.

    Attributes:
        contract: hash of the contract's file, 32 bytes.
        agency: id of the party.
        officer: name of the officer; None if the party has one pair.
    """

    contract: bytes
    agency: str
    officer: str | None

    @property
    def signer(self) -> str:
        """Return the party's id, followed by its officer, as `ContractNote.signer`."""
        return signer_name(self.agency, self.officer)


def note_claim(raw: bytes) -> NoteClaim:
    """Return the hash of the contract and the signer that a note names. Nothing is verified.

    Raises:
        NoteError: `note_malformed`: it is no note of a party.
    """
    if len(raw) > CONTRACT_NOTE_LIMIT_BYTES:
        raise NoteError("The note is too large.", code="note_malformed")
    try:
        lines = parse_note(raw).text.decode("utf-8").split("\n")
        if lines[0] != HEADER or len(lines) <= _LINES:
            raise ValueError("not the lines of a signature under a contract")
        act = _Act.model_validate(parse_json(lines[_LINES - 1].encode()))
        return NoteClaim(strict_b64(lines[4].partition(" ")[0]), act.agency, act.officer)
    except (ValidationError, CanonicalError, ValueError):
        raise NoteError("It is no note of a party.", code="note_malformed") from None


def verify_note_of(
    text: ContractText,
    note: ContractNote,
    verifiers: tuple[NoteVerifier, NoteVerifier],
    where: str | None = None,
) -> None:
    """Check that both keys of the party signed its note.

    Raises:
        RegistryError: `contract_signature_invalid`.
    """
    parsed: Note = parse_note(note.raw)
    try:
        complete = verify_note(parsed, verifiers) == verifiers
    except NoteError:
        complete = False
    if not complete:
        contract = text.contract
        raise RegistryError(
            f"The signature of {note.agency} under the contract {contract.name} "
            f"{contract.version} does not verify.",
            code="contract_signature_invalid",
            where=where,
            fix=f"Ask {note.agency} for its signature again: concordant bundle make",
        )


def shown_hash(shown: str) -> bytes:
    """Return SHA-256 of a text that was shown, in UTF-8."""
    return sha256(shown.encode())


def _head(text: ContractText) -> bytes:
    """Return the six lines that follow from the contract file."""
    contract = text.contract
    hashes = map(b64, (text.hash, *contract.pinned_documents))
    previous = [b64(one) for one in contract.previous_hashes] or [_ABSENT]
    lines = (
        HEADER,
        contract.deployment,
        contract.name,
        contract.version,
        " ".join(hashes),
        " ".join(previous),
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _altered(text: ContractText, where: str | None) -> RegistryError:
    contract = text.contract
    return RegistryError(
        f"The contract {contract.name} {contract.version} is not the text that was signed: it was "
        "altered, or the signature is another contract's.",
        code="contract_altered",
        where=where or text.where,
        fix="Restore the contract file byte for byte, or ask another party for its copy.",
    )


def _malformed(text: ContractText, problem: str, where: str | None) -> RegistryError:
    contract = text.contract
    return RegistryError(
        f"A signature under the contract {contract.name} {contract.version} cannot be read. "
        f"{problem}",
        code="contract_note_malformed",
        where=where,
        fix="Restore the file, or ask the party that signed for a bundle: concordant bundle make",
    )
