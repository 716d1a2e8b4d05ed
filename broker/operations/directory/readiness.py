"""Readiness of a partnership for a version of its agreement, by what each party states.

The listing of each party names the vocabularies that its software holds. A party that lacks the
vocabulary that a version pins cannot read its events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.agency.participant import Participant, load_participant
from broker.agency.running import held_state_if_any
from broker.directory.listing import Readable
from broker.directory.readable import FORMATS, readable_versions
from broker.operations.directory.held_listings import held_listings
from broker.store.database import Store
from contracts.errors import ContractError, UnknownNameError
from contracts.model import Contract
from contracts.names import require_known
from contracts.phrases import N_, Phrase, joined, phrase

_SHOWN: Final = 80
"""Most characters of a typed version in a message."""


@dataclass(frozen=True, slots=True)
class PartyReadiness:
    """Answer for one party.

    Attributes:
        agency: its id.
        legal_name: its name in the version.
        software: version of its software; None if it has stated nothing.
        lacks: what it cannot read, in words; empty if it can read the version.
    """

    agency: str
    legal_name: str
    software: str | None
    lacks: tuple[str, ...]

    @property
    def ready(self) -> bool:
        """Return whether it can read the version."""
        return not self.lacks


@dataclass(frozen=True, slots=True)
class VersionReadiness:
    """Answer for all parties of a version, in its order."""

    name: str
    version: str
    parties: tuple[PartyReadiness, ...]

    @property
    def ready(self) -> bool:
        """Return whether every party can read the version."""
        return all(party.ready for party in self.parties)

    @property
    def silent(self) -> int:
        """Return how many parties have not stated what their software can read."""
        return sum(party.software is None for party in self.parties)

    @property
    def unable(self) -> int:
        """Return how many parties have stated that they cannot read the version."""
        return sum(not party.ready for party in self.parties) - self.silent


def partnership_ready(directory: Path, name: str, version: str, now: int) -> VersionReadiness:
    """Return which parties of a version of an agreement can read it.

    Args:
        directory: the agency's folder, which has the version, signed or not.
        name: the agreement's name.
        version: the version.
        now: ms.

    Raises:
        UnknownNameError: `contract_unknown`: the folder does not have this version.
        ConcordantError: the folder cannot be loaded, or its state cannot be read.
    """
    participant = load_participant(directory, now, unsigned_ok=True)
    with held_state_if_any(participant) as store:
        return readiness_of(participant, store, name, version, now)


def readiness_of(
    participant: Participant, store: Store | None, name: str, version: str, now: int
) -> VersionReadiness:
    """Return the same for an agency that is loaded.

    Args:
        participant: this agency.
        store: its state; None if its adapter has not run yet.
        name: the agreement's name.
        version: the version.
        now: ms.

    Raises:
        UnknownNameError: `contract_unknown`: the folder does not have this version.
        StoreError: the state cannot be read.
    """
    contracts = participant.contracts
    held_versions = [one.contract for one in (*contracts.all(), *contracts.others())]
    names = [one.name for one in held_versions]
    require_known("agreement", name, names, code="contract_unknown", exact=True)
    versions = {one.version: one for one in held_versions if one.name == name}
    if version not in versions:
        raise UnknownNameError(
            f"This folder does not have version {version[:_SHOWN]} of {name}. It has: "
            f"{', '.join(sorted(versions))}.",
            code="contract_unknown",
            fix="Give one of these, or first add the files of the version to this folder.",
        )
    found = [one for one in held_versions if (one.name, one.version) == (name, version)]
    stated = {participant.agency: readable_versions(contracts)}
    if store is not None:
        with store.reading() as tx:
            held = held_listings(participant, tx, now).held
        stated |= {
            one.agency: one.listing.reads
            for one in held
            if not one.own and one.listing.reads is not None
        }
    parties = tuple(
        _readiness(party.id, party.legal_name, stated.get(party.id), found)
        for party in found[0].parties
    )
    return VersionReadiness(name, version, parties)


def _readiness(
    agency: str, legal_name: str, reads: Readable | None, versions: Sequence[Contract]
) -> PartyReadiness:
    if reads is None:
        silent = N_("it has not stated what its software can read")
        return PartyReadiness(agency, legal_name, None, (silent,))
    lacks = [
        phrase("its software does not read the format %(format)s", format=one)
        for one in FORMATS
        if one not in reads.formats
    ]
    for contract in versions:
        lacks += _lacks(contract, reads)
    return PartyReadiness(agency, legal_name, reads.software, tuple(dict.fromkeys(lacks)))


def _lacks(contract: Contract, reads: Readable) -> list[Phrase]:
    """Return what a party cannot read of a version, as exactly as the held files allow."""
    digest = contract.pins.vocabulary
    if any(one.hash == digest for one in reads.vocabularies):
        return []
    try:
        wanted = contract.vocabulary
    except ContractError:  # the document is not here either
        return [phrase("its software does not have the vocabulary %(hash)s", hash=digest[:12])]
    name = wanted.form.vocabulary
    known = [one for one in reads.vocabularies if one.name == name]
    types = {kind for one in known for kind in one.types}
    dates = {item for one in known for item in one.lists.items()}
    missing = sorted(contract.event_types.keys() - types)
    older = sorted(
        each
        for each, listed in wanted.code_lists.items()
        if (each, listed.dated.isoformat()) not in dates
    )
    details = (
        [phrase("it does not know the event types: %(types)s", types=", ".join(missing))]
        if missing and known
        else []
    )
    details += (
        [phrase("it has other versions of the code lists: %(lists)s", lists=", ".join(older))]
        if older and known
        else []
    )
    text = phrase(
        "its software does not have the vocabulary %(name)s of %(day)s",
        name=name,
        day=wanted.form.dated.isoformat(),
    )
    said = joined("", (text, f" ({digest[:12]})"))
    return [joined("; ", (said, *details))]
