"""Signatories of an agency, and the version of an agreement that awaits its signature."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from broker.agency.participant import Participant, load_participant
from broker.errors import WrongInputError
from broker.registry.contract_notes import Signatory
from broker.registry.contracts import SignedContract
from contracts.errors import ConcordantError


class NothingToSignError(ConcordantError):
    """No version of an agreement awaits this agency's signature. Code: `nothing_to_sign`."""

    code = "nothing_to_sign"
    exit_code = 1


def parse_signatory(text: str) -> Signatory:
    """Parse a signatory: `NAME, CAPACITY`. A role may replace the name.

    Raises:
        WrongInputError: `option_invalid`.
    """
    name, comma, capacity = text.rpartition(",")
    try:
        if comma:
            return Signatory(name=name.strip(), capacity=capacity.strip())
    except ValidationError:
        pass
    raise WrongInputError(
        "The signatory is not a name, a comma and a capacity.",
        code="option_invalid",
        where="--as",
        fix='For example: --as "Ada Okafor, Chief Superintendent"',
    )


def signatory_missing() -> WrongInputError:
    """Return the error for a signature without a signatory."""
    return WrongInputError(
        "The signatory is missing.",
        code="option_missing",
        where="--as",
        fix='Say who signs, and in what capacity: --as "Ada Okafor, Chief Superintendent"',
    )


def awaiting_signature(participant: Participant, now: int) -> tuple[SignedContract, ...]:
    """Return versions in the agency's folder that it has not signed and that have not ended.

    A version that another one names as its previous does not count, and neither does one that this
    folder's officer has signed.

    Args:
        participant: the agency.
        now: milliseconds since the epoch.
    """
    return tuple(
        one
        for one in participant.contracts.awaiting(now)
        if one.note_by(participant.agency, participant.officer) is None
    )


def file_to_sign(directory: Path, now: int) -> Path:
    """Return the file of the one version that awaits this agency's signature.

    Args:
        directory: the agency's folder.
        now: milliseconds since the epoch.

    Raises:
        NothingToSignError: none does.
        WrongInputError: `signing_ambiguous`: several do.
    """
    found = awaiting_signature(load_participant(directory, now, unsigned_ok=True), now)
    if not found:
        raise NothingToSignError(
            "No version of an agreement awaits this agency's signature.",
            where=str(directory / "contracts"),
            fix=f"Add what the others sent: concordant bundle add --agency {directory} FILE",
        )
    if len(found) > 1:
        raise WrongInputError(
            f"{len(found)} versions await this agency's signature.",
            code="signing_ambiguous",
            where=", ".join(one.text.where for one in found),
            fix="Name the file of the one to sign.",
        )
    return Path(found[0].text.where)
