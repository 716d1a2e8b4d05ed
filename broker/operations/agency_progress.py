"""Progress of an agency on its way into a partnership, and its next step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, TypeAlias

from broker.agency.issuing_guard import foreign_manifests
from broker.agency.participant import Participant, load_participant
from broker.agency.running import held_state_if_any
from broker.errors import ManifestError
from broker.keys.delegation import parse_delegation
from broker.keys.instant import format_instant
from broker.keys.manifest import Manifest
from broker.operations.agency_entry import ENTRIES_FOLDER
from broker.operations.agency_founding import read_plan
from broker.operations.agreement_state import (
    OURSELVES,
    AgreementState,
    NextStep,
    agreement_states,
    shell_path,
)
from broker.operations.bundle_reading import held_entries
from broker.operations.contract_departure import StopLine, stop_lines
from broker.operations.partner_checks import Partner, checked_partners
from broker.partnership.entry import parse_entry
from broker.registry.contracts import SignedContract
from contracts.calendar import agreement_dates
from contracts.durations import DAY_MS
from contracts.phrases import N_, Phrase, phrase

Stage: TypeAlias = Literal[
    "incomplete",
    "founded",
    "to_check",
    "to_sign",
    "signed",
    "ended",
    "not_started",
    "suspended",
    "certificate_missing",
    "manifest_not_ours",
    "delegation_ends",
    "manifest_ends",
    "in_force",
]
_STAGES: Final[tuple[tuple[str, Stage], ...]] = (
    ("partially_signed", "signed"),
    ("not_started", "not_started"),
    ("suspended", "suspended"),
)
"""Stage of an agency that has signed agreements, none of them in force.

Each pair is the state of an agreement and the stage of the agency. The pairs are tried in this
order. The first that matches an agreement with a next step gives the stage.
"""
DUE_DAYS: Final = 92
"""`contract status` lists a due date from this many days before it."""
DELEGATION_WARNING_MS: Final = 90 * DAY_MS
MANIFEST_WARNING_MS: Final = 10 * DAY_MS
HOST: Final = N_("Kafka's host")


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of an agency.

    Attributes:
        agency: its id.
        deployment: name of the partnership, `unassigned` until the agency signs an agreement.
        stage: how far the agency has come.
        agreements: every agreement in its folder.
        partners: other agencies whose keys are in the folder.
        governance_here: True if the governance keys are available.
        delegation_ends: time (ms) until which the manifest keys may sign. None without an entry.
        next: the next step.
    """

    agency: str
    deployment: str
    stage: Stage
    agreements: tuple[AgreementState, ...]
    partners: tuple[Partner, ...]
    governance_here: bool
    delegation_ends: int | None
    next: NextStep


@dataclass(frozen=True, slots=True)
class SignatureState:
    """State of a party's signature.

    If the party has signed, it has the signatory's name and capacity, and the time, from the note.

    Attributes:
        officers: officers of the party that have signed, also if too few; empty without officers.
        needed: number of officers that must sign.
    """

    agency: str
    signed: bool
    name: str | None = None
    capacity: str | None = None
    time: str | None = None
    officers: tuple[str, ...] = ()
    needed: int = 1


@dataclass(frozen=True, slots=True)
class Due:
    """A due date of an agreement that has passed or is near."""

    what: str
    day: date
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AgreementStatus:
    """State, signatures and due dates of an agreement, and parties that take no part."""

    state: AgreementState
    signatures: tuple[SignatureState, ...]
    due: tuple[Due, ...]
    stops: tuple[StopLine, ...] = ()


def agency_progress(directory: Path, now: int) -> Progress:
    """Return the progress of an agency and its next step.

    Args:
        directory: its folder.
        now: milliseconds since the epoch.

    Raises:
        ConcordantError: the folder cannot be loaded.
    """
    plan = read_plan(directory)
    if plan is not None and not (directory / ENTRIES_FOLDER / f"{plan.agency}.entry").is_file():
        step = NextStep(
            OURSELVES,
            N_("Make the missing files of this agency."),
            f"concordant agency init {shell_path(directory)}",
        )
        return Progress(plan.agency, plan.deployment, "incomplete", (), (), False, None, step)
    participant = load_participant(directory, now, unsigned_ok=True)
    agreements = agreement_states(participant, now)
    known = checked_partners(participant)
    stage, step = stage_and_next_step(participant, agreements, now)
    ends = delegation_ends(participant)
    source = participant.governance_source()
    here = any(source.entries())
    return Progress(
        participant.agency, participant.deployment, stage, agreements, known, here, ends, step
    )


def agreement_statuses(directory: Path, now: int) -> tuple[AgreementStatus, ...]:
    """Return state, signatures and due dates of each agreement.

    Args:
        directory: the agency's folder.
        now: milliseconds since the epoch.

    Raises:
        ConcordantError: the folder cannot be loaded.
    """
    participant = load_participant(directory, now, unsigned_ok=True)
    states = agreement_states(participant, now)
    with held_state_if_any(participant) as store:
        return tuple(
            AgreementStatus(
                state,
                tuple(_signatures(signed)),
                tuple(sorted(_due(participant, signed, now), key=lambda one: one.day)),
                stop_lines(participant, signed, store),
            )
            for signed, state in zip(participant.contracts.all(), states, strict=True)
        )


def _signatures(signed: SignedContract) -> Iterator[SignatureState]:
    for party in signed.contract.parties:
        note = signed.note_of(party.id)
        officers = tuple(
            one.officer for one in signed.notes_of(party.id) if one.officer is not None
        )
        needed = signed.contract.governance_keys[party.id].needed
        if note is None:
            yield SignatureState(party.id, False, officers=officers, needed=needed)
        else:
            who = note.signatory
            time = format_instant(note.time)
            yield SignatureState(party.id, True, who.name, who.capacity, time, officers, needed)


def _due(participant: Participant, signed: SignedContract, now: int) -> Iterator[Due]:
    contract = signed.contract
    last = datetime.fromtimestamp(now // 1000, UTC).date() + timedelta(days=DUE_DAYS)
    everyone = tuple(party.id for party in contract.parties)
    days = [(one.what, one.day, one.by) for one in agreement_dates(contract) if one.kind != "start"]
    for agency, raw in held_entries(participant.root).items():
        if agency in everyone:
            delegation = parse_delegation(parse_entry(raw).delegation.encode()).delegation
            day = datetime.fromtimestamp(delegation.expires // 1000, UTC).date()
            days.append((N_("the entry expires (delegation of manifest keys)"), day, (agency,)))
    for what, due, by in days:
        if due <= last:
            yield Due(what, due, by)


def stage_and_next_step(
    participant: Participant, agreements: tuple[AgreementState, ...], now: int
) -> tuple[Stage, NextStep]:
    """Return the stage of an agency and its next step.

    An agreement that awaits this agency's signature comes first, then one that is in force, then
    the others.

    Args:
        participant: the agency.
        agreements: result of `agreement_states`.
        now: milliseconds since the epoch.
    """
    agency, folder = participant.agency, shell_path(participant.root)
    waiting = next((one for one in agreements if one.awaits_us), None)
    if waiting is not None:
        assert waiting.step is not None  # each version that awaits a signature has one
        return ("to_check" if waiting.unchecked else "to_sign"), waiting.step
    if not agreements:
        return "founded", NextStep(
            OURSELVES,
            N_(
                "Write this agency's entry, and send it to the agency that drafts the "
                "agreement. That agency sends you a bundle: add it with concordant "
                "bundle add. If this agency drafts the agreement, wait for the entries "
                "of the others: concordant contract draft."
            ),
            f"concordant agency entry --agency {folder} --out {agency}.entry",
        )
    signed = [one for one in agreements if agency in one.line.signed]
    pending = next((one for one in signed if one.state == "partially_signed" and one.step), None)
    if any(one.state == "in_force" for one in signed):
        stage, step = _running(participant, folder, now)
        in_force = next((one for one in signed if one.state == "in_force" and one.step), None)
        better = pending or in_force
        return stage, better.step if stage == "in_force" and better and better.step else step
    for state, stage in _STAGES:
        for one in signed:
            if one.state == state and one.step is not None:
                return stage, one.step
    if any(one.state == "left" for one in agreements):
        return "ended", NextStep(
            OURSELVES,
            N_(
                "This agency takes part in no agreement any more. Keep the folder: data "
                "that you received stays under the terms of the agreement, and the log "
                "has to answer for it. To take part again, every party has to sign a new "
                "version."
            ),
            f"concordant contract status --agency {folder}",
        )
    return "ended", NextStep(
        OURSELVES,
        N_(
            "The agreements of this agency have ended. Draft the next version with "
            "the other parties: concordant contract revise."
        ),
        f"concordant contract status --agency {folder}",
    )


def _running(participant: Participant, folder: str, now: int) -> tuple[Stage, NextStep]:
    tls = participant.kafka_connection().tls
    if not all(one is None or one.is_file() for one in (tls.ca, tls.certificate)):
        return "certificate_missing", NextStep(
            HOST,
            N_(
                "This agency needs a certificate for Kafka. Make a bundle with this "
                "command, and send it to Kafka's host and to the other parties. The host "
                "sends you a bundle with the certificate: add it with concordant bundle "
                "add."
            ),
            f"concordant bundle make --agency {folder} --out {participant.agency}.bundle",
        )
    foreign = foreign_manifests(participant.root, participant.agency, participant.manifests)
    if foreign:
        version = foreign[0].manifest.version
        return "manifest_not_ours", NextStep(
            OURSELVES,
            phrase(
                "This folder did not make the manifest of this agency, version "
                "%(version)s. If this agency made it before a restore or in a copy of "
                "the folder, adopt it. Otherwise its manifest keys are known to an "
                "attacker: copy the governance keys into governance/, then: concordant "
                "keys delegate --withdraw --agency %(folder)s.",
                version=version,
                folder=folder,
            ),
            f"concordant keys adopt {version} --agency {folder}",
        )
    ends = delegation_ends(participant)
    if ends is not None and ends - now < DELEGATION_WARNING_MS:
        return "delegation_ends", NextStep(
            OURSELVES, delegation_due_text(ends, now), f"concordant keys delegate --agency {folder}"
        )
    own = participant.manifests.newest(participant.agency)
    if own is None or own.expires - now < MANIFEST_WARNING_MS:
        return "manifest_ends", NextStep(
            OURSELVES,
            _manifest_ends(own, now),
            f"concordant keys renew --agency {folder}",
        )
    return "in_force", NextStep(
        OURSELVES,
        N_("The agreement is in force. Check the adapter and the machine."),
        f"concordant doctor --agency {folder}",
    )


def delegation_due_text(ends: int, now: int) -> Phrase:
    """Return what the end (ms) of a delegation means, and who must do what."""
    until = (
        phrase("expired on %(day)s", day=_day(ends))
        if ends <= now
        else phrase("ends on %(day)s", day=_day(ends))
    )
    return phrase(
        "The delegation of this agency's manifest keys %(until)s. After that "
        "nothing is sealed to this agency. The holder of the governance keys "
        "brings them and makes the next one.",
        until=until,
    )


def _manifest_ends(own: Manifest | None, now: int) -> Phrase:
    sealed = N_("The other parties seal nothing to an agency without a valid manifest.")
    if own is None:
        return phrase(
            "There is no manifest of this agency. Make one now. %(sealed)s", sealed=sealed
        )
    until = N_("expired") if own.expires <= now else N_("expires")
    return phrase(
        "The manifest of this agency %(until)s on %(day)s. The running adapter "
        "renews it by itself: start it, or look at its log. Or renew it now. "
        "%(sealed)s",
        until=until,
        day=_day(own.expires),
        sealed=sealed,
    )


def _day(ms: int) -> str:
    return str(datetime.fromtimestamp(ms // 1000, UTC).date())


def delegation_ends(participant: Participant) -> int | None:
    """Return the end (ms) of the newest delegation of this agency; None if it has none."""
    newest = participant.manifests.newest_verified(participant.agency)
    if newest is not None:
        return newest.delegation.delegation.expires
    raw = held_entries(participant.root).get(participant.agency)
    if raw is None:
        return None
    try:
        return parse_delegation(parse_entry(raw).delegation.encode()).delegation.expires
    except ManifestError:
        return None
