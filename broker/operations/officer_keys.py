"""Governance keys of the officers that an agency's folder names, and proposed delegations."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Final

from broker.agency.participant import Participant
from broker.errors import ConfigError, OfficersAwaitedError, RegistryError, WrongInputError
from broker.keys.delegation import VerifiedDelegation
from broker.keys.durable import make_private_folder, write_durably
from broker.keys.governance import OfficerKeys
from broker.partnership.entry import PairEntry
from broker.partnership.officer import OFFICER_LIMIT_BYTES, verify_officer_file
from contracts.bounded_file import read_bounded

OFFICERS_FOLDER: Final = "officers"
REQUESTS_FOLDER: Final = "requests"


def officer_files(participant: Participant, now: int) -> dict[str, PairEntry]:
    """Return the pair of each officer, with proof of possession; empty without officers.

    Raises:
        EntryError: `officer_invalid`: a file is damaged.
        ConfigError: `file_unusable`, or a file is of other keys than `agency.toml` names.
    """
    found: dict[str, PairEntry] = {}
    for one in participant.config.governance.officers:
        path = participant.root / OFFICERS_FOLDER / f"{one.name}.officer"
        raw = read_bounded(
            path, OFFICER_LIMIT_BYTES, ConfigError, code="file_unusable", what="file of an officer"
        )
        held = verify_officer_file(
            raw,
            agency=participant.agency,
            deployment=participant.deployment,
            now=now,
            where=str(path),
        )
        if held.name != one.name or held.public.fingerprints != (one.ed25519, one.ml_dsa_65):
            raise ConfigError(
                "The file of an officer has other keys than agency.toml names.",
                code="config_invalid",
                where=str(path),
                fix=f"Put the public file of {one.name} there again.",
            )
        found[one.name] = held.statement.governance
    return found


def officers_of(participant: Participant, now: int) -> OfficerKeys:
    """Return the keys of the agency's officers.

    Raises:
        WrongInputError: `officers_unsuitable`: it has none.
        ConfigError, EntryError: as `officer_files`.
    """
    pairs = officer_files(participant, now)
    if not pairs:
        raise WrongInputError(
            "The folder names no officers.",
            code="officers_unsuitable",
            where=str(participant.root),
            fix="Name them first: concordant agency officer add FILE --agency DIR",
        )
    return OfficerKeys(tuple((name, pairs[name].public) for name in sorted(pairs)))


def store_proposal(participant: Participant, delegation: VerifiedDelegation) -> Path:
    """Store a delegation that one officer has signed, so that another officer can sign it.

    Raises:
        RegistryError: `registry_unwritable`.
    """
    version = delegation.delegation.version
    path = participant.root / REQUESTS_FOLDER / f"{participant.agency}.{version}.delegation"
    try:
        make_private_folder(path.parent)
        write_durably(path, delegation.raw)
    except OSError as error:
        raise RegistryError(
            f"A file cannot be written ({error.strerror}).",
            code="registry_unwritable",
            where=str(path),
            fix="Check the free space, the owner and the permissions of the folder.",
        ) from None
    return path


def officers_awaited(participant: Participant, file: Path) -> OfficersAwaitedError:
    """Return the answer of a command that one officer alone cannot complete."""
    others = [
        one.name
        for one in participant.config.governance.officers
        if one.name != participant.officer
    ]
    return OfficersAwaitedError(
        f"{participant.officer} has signed. Nothing changes until {' or '.join(others)} signs too.",
        where=str(file),
        fix="Give that officer the file. On the officer's machine: concordant agency officer sign "
        "FILE --agency DIR --out SIGNED. Then here: concordant agency officer finish SIGNED "
        f"--agency {quote(str(participant.root))}",
    )
