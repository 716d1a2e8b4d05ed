"""Departure from a contract: an agency suspends its own part, resumes it, or leaves.

Each makes a new version of the agency's own manifest, which the running adapter publishes. Only the
governance keys may resume or leave. So a new delegation states the resumption or departure too.
`review_departure` shows beforehand what stops and what continues, `depart` makes the change, and
`stop_lines` shows afterwards which partners have acknowledged it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from pydantic import ValidationError

from broker.agency.own_manifest import (
    reason_invalid,
    signed_versions,
    standing_entry,
    suspend_contract,
)
from broker.agency.participant import Participant, load_participant
from broker.errors import ManifestError, RegistryError, WrongInputError
from broker.keys.delegation import DelegatedStatement, DelegationChanges
from broker.keys.manifest import VerifiedManifest
from broker.operations.contract_choice import no_such_contract
from broker.operations.key_delegation import delegate, ended_suspension
from broker.registry.contracts import SignedContract
from broker.registry.stops import Stop
from broker.statements.acknowledgements import Acknowledgement, acknowledgements_of
from broker.store.database import Store
from broker.store.transaction import Transaction
from contracts.phrases import N_, phrase

DepartureState: TypeAlias = Literal["suspended", "left", "resumed"]
"""New status of this agency's own part."""
STATES: Final[Mapping[str, DepartureState]] = {
    "suspended": "suspended",
    "left": "left",
    "resumed": "resumed",
}
"""Each status by its name."""


@dataclass(frozen=True, slots=True)
class DepartureReview:
    """Effects of a suspension, its end or a departure, before it is stated.

    Attributes:
        participant: the agency.
        contract: name of the contract.
        state: the new status.
        versions: the versions that it covers, oldest first.
        since: time (ms) from which the new status holds.
        suspended_since: start (ms) of the suspension that has not ended; None if there is none.
        partners: the other parties of these versions.
        others: names of the agreements that go on.
        changes: False if the agency has this status already.
    """

    participant: Participant
    contract: str
    state: DepartureState
    versions: tuple[str, ...]
    since: int
    suspended_since: int | None
    partners: tuple[str, ...]
    others: tuple[str, ...]
    changes: bool


@dataclass(frozen=True, slots=True)
class Departed:
    """Result of `depart`: the manifest version that states the new status.

    Attributes:
        version: the newest version of the contract that it covers.
    """

    agency: str
    contract: str
    version: str
    state: DepartureState
    manifest_version: int
    changed: bool


@dataclass(frozen=True, slots=True)
class StopLine:
    """A suspension or departure of a party, for display.

    Attributes:
        agency: the party.
        stop: the statement.
        acknowledged: of our own: partner to the time (ms) of its acknowledgement.
        awaited: of our own: partners that have not acknowledged it.
    """

    agency: str
    stop: Stop
    acknowledged: dict[str, int]
    awaited: tuple[str, ...]


def review_departure(
    directory: Path, name: str | None, state: DepartureState, now: int
) -> DepartureReview:
    """Load an agency, and return what a suspension, its end or a departure changes.

    Args:
        directory: the agency's folder.
        name: name of the contract; not needed while there is only one.
        state: the new status.
        now: milliseconds since the epoch.

    Raises:
        WrongInputError, RegistryError, ManifestError: as `review_of`.
    """
    return review_of(load_participant(directory, now), name, state, now)


def review_of(
    participant: Participant, name: str | None, state: DepartureState, now: int
) -> DepartureReview:
    """Return what a suspension, its end or a departure changes.

    Args:
        participant: the agency.
        name: name of the contract; not needed while there is only one.
        state: the new status.
        now: milliseconds since the epoch.

    Raises:
        WrongInputError: `contract_unknown`, or `option_missing` if there are several.
        RegistryError: `contract_unsigned`: this agency has signed none.
        ManifestError: `manifest_left`, a departure cannot be undone.
    """
    chosen = _chosen(participant, name)
    signed = frozenset(signed_versions(participant, chosen))
    left, suspended = (_covered(participant, chosen, one) for one in ("left", "suspended"))
    if state != "left" and signed <= left:
        raise ManifestError(
            phrase(
                "%(agency)s has left %(chosen)s; this cannot be undone.",
                agency=participant.agency,
                chosen=chosen,
            ),
            code="manifest_left",
            fix=N_("Sign a new version of the contract."),
        )
    changes = (
        bool(suspended)
        if state == "resumed"
        else not signed <= (left if state == "left" else suspended)
    )
    covered = suspended if state == "resumed" and suspended else signed
    versions = [one for one in participant.contracts.trusted() if one.hash in covered]
    lasting = [one.since for one in _own(participant, chosen) if one.open and _suspends(one)]
    return DepartureReview(
        participant,
        chosen,
        state,
        tuple(one.contract.version for one in versions),
        now,
        min(lasting, default=None),
        _partners(participant, versions),
        tuple(one for one in _names(participant, now) if one != chosen),
        changes,
    )


def depart(reviewed: DepartureReview, reason: str, now: int) -> Departed:
    """Suspend, resume or leave, as it was reviewed.

    Args:
        reviewed: result of `review_departure`.
        reason: a code.
        now: milliseconds since the epoch.

    Raises:
        ManifestError: others would refuse the result.
        KeyAccessError: the keys are not available.
        RegistryError: `registry_unwritable` or `manifest_missing`.
    """
    participant, name = reviewed.participant, reviewed.contract
    newest = participant.manifests.newest(participant.agency)
    version = newest.version if newest else 0
    if reviewed.changes:
        act = {"suspended": suspend_contract, "resumed": resume_contract, "left": leave_contract}
        version = act[reviewed.state](participant, name, reason, now).manifest.version
    return Departed(
        participant.agency,
        name,
        reviewed.versions[-1] if reviewed.versions else "",
        reviewed.state,
        version,
        reviewed.changes,
    )


def leave_contract(participant: Participant, name: str, reason: str, now: int) -> VerifiedManifest:
    """Leave a contract, in all versions that this agency signed; this cannot be undone.

    Args:
        participant: the agency; its governance keys must be present.
        name: the contract's name.
        reason: a code, for the other parties.
        now: milliseconds since the epoch.

    Raises:
        KeyAccessError: the governance keys are not here, or a key cannot be opened.
        ManifestError: others would refuse the result.
        OfficersAwaitedError: another officer has to sign first.
        RegistryError: `contract_unsigned`, `registry_unwritable` or `manifest_missing`.
        StatementError: code `reason_invalid`.
    """
    entry = standing_entry(participant, name, "left", reason, now)
    changes = DelegationChanges(standing=(_statement(name, "left", now, reason),))
    issued, _ = delegate(participant, now, changes, standing=(entry,))
    return issued


def resume_contract(participant: Participant, name: str, reason: str, now: int) -> VerifiedManifest:
    """End this agency's own suspensions of a contract.

    Each lasting suspension counts, also one that the newest manifest does not repeat, or that only
    the manifest keys ended.

    Args:
        participant: the agency; its governance keys must be present.
        name: the contract's name.
        reason: a code, for the other parties.
        now: milliseconds since the epoch.

    Raises:
        KeyAccessError: the governance keys are not here, or a key cannot be opened.
        ManifestError: others would refuse the result.
        RegistryError: `registry_unwritable` or `manifest_missing`.
        StatementError: code `reason_invalid`.
    """
    lasting = [one for one in _own(participant, name) if one.open and _suspends(one)]
    ends = {one: max(now, one.stated) for one in lasting}  # none ends before it begins
    changes = DelegationChanges(
        standing=tuple(_statement(name, "resumed", end, reason) for end in sorted({*ends.values()}))
    )
    entries = tuple(ended_suspension(one, end, reason) for one, end in ends.items())
    issued, _ = delegate(participant, now, changes, standing=entries)
    return issued


def _statement(
    contract: str, state: Literal["resumed", "left"], since: int, reason: str
) -> DelegatedStatement:
    try:
        return DelegatedStatement(contract=contract, state=state, since=since, reason=reason)
    except ValidationError:
        raise reason_invalid() from None


def stop_lines(
    participant: Participant, signed: SignedContract, store: Store | None
) -> tuple[StopLine, ...]:
    """Return the suspensions and departures that cover a contract, with who acknowledged ours.

    Args:
        participant: the agency.
        signed: the version.
        store: its state; None if the adapter has not run yet.
    """
    return tuple(_stop_lines(participant, signed, store))


def _stop_lines(
    participant: Participant, signed: SignedContract, store: Store | None
) -> Iterator[StopLine]:
    for party in signed.contract.parties:
        for stop in participant.contracts.stops(party.id, signed.text, participant.manifests):
            if party.id != participant.agency:
                yield StopLine(party.id, stop, {}, ())
                continue
            partners = _partners(participant, [signed])
            *_, known = acknowledgements_of(participant.deployment, party.id, [stop])
            found: dict[str, int] = {}
            if store is not None:
                with store.reading() as tx:
                    found = _acknowledged(tx, known, partners)
            awaited = tuple(one for one in partners if one not in found)
            yield StopLine(party.id, stop, found, awaited)


def _acknowledged(
    tx: Transaction, known: Acknowledgement, partners: tuple[str, ...]
) -> dict[str, int]:
    kept = ((one, tx.meta.get(f"{known.name}/{one}")) for one in partners)
    return {one: int(value) for one, value in kept if value is not None}


def _chosen(participant: Participant, name: str | None) -> str:
    known = list(dict.fromkeys(one.contract.name for one in participant.contracts.trusted()))
    if name is not None:
        if name not in known:
            raise no_such_contract(name, known, "This agency has signed")
        return name
    if not known:
        raise RegistryError(
            N_("This agency has signed no agreement."),
            code="contract_unsigned",
            where="contracts/",
            fix=N_("There is nothing to stop: no event flows before this agency signs."),
        )
    if len(known) > 1:
        raise WrongInputError(
            N_("This agency has several agreements."),
            code="option_missing",
            where="--contract",
            fix=phrase("Name one: %(names)s.", names=", ".join(known)),
        )
    return known[0]


def _names(participant: Participant, now: int) -> tuple[str, ...]:
    """Return names of this agency's agreements that have not ended."""
    trusted = participant.contracts.trusted()
    return tuple(sorted({one.contract.name for one in trusted if now < one.contract.ends_ms}))


def _partners(participant: Participant, versions: list[SignedContract]) -> tuple[str, ...]:
    """Return the other parties of some versions that have not left them.

    A party that a signed version leaves out has left the versions before it.
    """
    found: set[str] = set()
    contracts = participant.contracts
    for signed in versions:
        departed = (
            *contracts.departures(signed.text, participant.manifests),
            *contracts.partings(signed.text),
        )
        gone = {one.agency for one in departed if one.state == "left"}
        found |= {party.id for party in signed.contract.parties} - gone
    return tuple(sorted(found - {participant.agency}))


def _own(participant: Participant, name: str) -> tuple[Stop, ...]:
    stops = participant.manifests.stops(participant.agency)
    return tuple(one for one in stops if one.contract == name)


def _suspends(stop: Stop) -> bool:
    return stop.state == "suspended"


def _covered(participant: Participant, name: str, state: str) -> frozenset[bytes]:
    """Return the versions of a contract that this agency's lasting stops of a kind list."""
    own = (one for one in _own(participant, name) if one.open and one.state == state)
    return frozenset(version for one in own for version in one.versions)
