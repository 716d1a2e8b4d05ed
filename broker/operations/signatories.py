"""Signatories of an agency, and the version of an agreement that awaits its signature."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from broker.agency.participant import Participant, load_participant
from broker.errors import WrongInputError
from broker.keys.durable import make_private_folder, write_durably
from broker.keys.instant import format_instant
from broker.partnership.profile import Line
from broker.registry.contracts import SignedContract
from broker.registry.repository import CONTRACTS_FOLDER
from contracts.errors import ConcordantError

_LIMIT_BYTES: Final = 4096
_SUFFIX: Final = ".signatory.json"


class NothingToSignError(ConcordantError):
    """No version of an agreement awaits this agency's signature. Code: `nothing_to_sign`."""

    code = "nothing_to_sign"
    exit_code = 1


class Signatory(BaseModel):
    """A person who signs for an agency, and their capacity."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Line
    capacity: Line


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    agency: str
    sha256: str
    signatory: Signatory
    time: str


@dataclass(frozen=True, slots=True)
class Kept:
    """Record of our own signature: the person and the time."""

    signatory: Signatory
    time: str


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


def awaiting_signature(participant: Participant, now: int) -> tuple[SignedContract, ...]:
    """Return versions in the agency's folder that it has not signed and that have not ended.

    A version that another one names as its previous does not count.

    Args:
        participant: the agency.
        now: milliseconds since the epoch.
    """
    trusted = {one.hash for one in participant.contracts.trusted()}
    known = participant.contracts.all()
    replaced = {one.contract.previous for one in known}
    return tuple(
        one
        for one in known
        if one.hash not in trusted and now < one.contract.ends_ms and one.hash.hex() not in replaced
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


def keep_signatory(root: Path, agency: str, sha256: bytes, signatory: Signatory, now: int) -> None:
    """Record the person who signs an agreement; done before the signature is written."""
    record = _Record(
        agency=agency, sha256=sha256.hex(), signatory=signatory, time=format_instant(now)
    )
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    content = orjson.dumps(record.model_dump(), option=options)
    make_private_folder(root / CONTRACTS_FOLDER)
    write_durably(root / CONTRACTS_FOLDER / f"{sha256.hex()}{_SUFFIX}", content)


def kept_signatory(root: Path, signed: SignedContract) -> Kept | None:
    """Return the person who signed an agreement for this agency; None if not recorded."""
    path = root / CONTRACTS_FOLDER / f"{signed.hash.hex()}{_SUFFIX}"
    try:
        with path.open("rb") as file:
            record = _Record.model_validate(orjson.loads(file.read(_LIMIT_BYTES)))
    except (OSError, ValueError):
        return None
    if record.sha256 != signed.hash.hex():
        return None
    return Kept(record.signatory, record.time)
