"""Rules of a referral's status: allowed changes, the side that may make them, reasons, deadlines.

The referring agency asks, withdraws what was entered in error and requests cancellation; only the
fulfilling agency makes other changes. A change must start from the status and version that the
other side has, so that concurrent changes are detected. The statuses, their order and the fields
that carry them are data of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from contracts.durations import duration_ms
from contracts.errors import EventError
from contracts.events import JSON
from contracts.terms import ServiceLevels
from contracts.vocabulary import Vocabulary
from contracts.vocabulary.part_forms import MadeForm, SideForm, StatusForm

__all__ = [
    "FIRST_VERSION", "Clocks", "NewReferral", "ReferralRules", "Side", "StatusChange",
    "referral_rules", "service_path",
]  # fmt: skip

Side: TypeAlias = Literal["referrer", "fulfiller"]

FIRST_VERSION = 1
"""Version of a referral as made; every change of status adds one."""


@dataclass(frozen=True, slots=True)
class NewReferral:
    """A referral that an event makes."""

    referral_id: str
    case_id: str
    urgency: str | None


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A change of a referral's status by an event."""

    referral_id: str
    version: int
    status: str
    previous_status: str
    reason: str | None
    business_status: str | None


@dataclass(frozen=True, slots=True)
class Clocks:
    """Deadlines of a referral, milliseconds since the epoch, UTC.

    Attributes:
        acknowledge_due: by then the status is none of `ReferralRules.unacknowledged`.
        respond_due: by then it is none of `ReferralRules.unanswered`.
    """

    acknowledge_due: int
    respond_due: int


@dataclass(frozen=True, slots=True)
class ReferralRules:
    """Rules of a referral's course, at one date.

    Attributes:
        case: leaf path of the shared id of a case.
        made: the event that makes a referral.
        changed: the event that changes its status.
        statuses: every code of a status.
        reasons: every code of a reason.
        first: status of a referral as made.
        unacknowledged: statuses in which the clock of the acknowledgement runs.
        unanswered: statuses in which the clock of the answer runs.
        open: statuses in which a business status may change alone.
        terminal: statuses after which a new attempt is a new referral, linked to the old one.
        reason_required: statuses that need a reason.
        called_off: statuses of a referral that was called off.
        cancellation_requested: business statuses that ask for that.
        urgent: codes of urgency for which the shorter clocks run.
        transitions: side to status to the statuses that the side may set.
        business: side to the business statuses that it may set.
    """

    case: str
    made: MadeForm
    changed: StatusForm
    statuses: frozenset[str]
    reasons: frozenset[str]
    first: str
    unacknowledged: frozenset[str]
    unanswered: frozenset[str]
    open: frozenset[str]
    terminal: frozenset[str]
    reason_required: frozenset[str]
    called_off: frozenset[str]
    cancellation_requested: frozenset[str]
    urgent: frozenset[str]
    transitions: Mapping[Side, Mapping[str, frozenset[str]]]
    business: Mapping[Side, frozenset[str]]

    def new_referral(self, event_type: str, flat: Mapping[str, JSON]) -> NewReferral | None:
        """Return the referral that an event makes.

        Args:
            event_type: its type.
            flat: its leaves by dotted path, valid; some may be withheld from the reader.

        Returns:
            None if it makes none, or if a leaf that identifies the referral is missing.
        """
        made, case = self.made, self.case
        if event_type != made.type or not {made.id, case} <= flat.keys():
            return None
        return NewReferral(str(flat[made.id]), str(flat[case]), _text(flat.get(made.urgency)))

    def status_change(self, event_type: str, flat: Mapping[str, JSON]) -> StatusChange | None:
        """Return the change of a referral's status by an event.

        Args:
            event_type: its type.
            flat: its leaves by dotted path, valid; some may be withheld from the reader.

        Returns:
            None if it changes none, or if a leaf is missing without which it cannot be judged.
        """
        names = self.changed
        needed = {names.id, names.version, names.status, names.previous_status}
        if event_type != names.type or not needed <= flat.keys():
            return None
        version = flat[names.version]
        assert isinstance(version, int)
        return StatusChange(
            referral_id=str(flat[names.id]),
            version=version,
            status=str(flat[names.status]),
            previous_status=str(flat[names.previous_status]),
            reason=_text(flat.get(names.reason)),
            business_status=_text(flat.get(names.business_status)),
        )

    def allowed(self, current: str, by: Side) -> frozenset[str]:
        """Return the statuses to which `by` may move a referral from `current`."""
        return self.transitions[by].get(current, frozenset())

    def check_transition(
        self,
        current: str,
        new: str,
        by: Side,
        reason: str | None,
        business_status: str | None = None,
    ) -> None:
        """Check one change of status.

        Keeping the status is a change only of business status, so it needs one.

        Args:
            current: status that both sides hold.
            new: status asked for.
            by: which side asks.
            reason: its code, if given.
            business_status: its code, if given.

        Raises:
            EventError: `transition_not_allowed`, `reason_required`, `reason_unknown`.
        """
        if business_status is not None and business_status not in self.business[by]:
            raise EventError(
                f"the {by} may not set this business status", code="transition_not_allowed"
            )
        kept = new == current and current in self.open and business_status is not None
        if not kept and new not in self.allowed(current, by):
            start = current if current in self.statuses else "an unknown status"
            raise EventError(
                f"the {by} may not make this change from {start}",
                code="transition_not_allowed",
                where=self.changed.status,
            )
        where = self.changed.reason
        if new in self.reason_required and reason is None:
            raise EventError(f"{new} needs a reason code", code="reason_required", where=where)
        if reason is not None and reason not in self.reasons:
            raise EventError(
                "the reason is not in its code list", code="reason_unknown", where=where
            )

    def check_version(
        self, held_version: int, held_status: str, new_version: int, previous_status: str
    ) -> None:
        """Check that a change starts from what the other side holds (optimistic concurrency).

        Raises:
            EventError: `version_conflict`.
        """
        if new_version != held_version + 1 or previous_status != held_status:
            raise EventError(
                f"the change does not start from version {held_version}, the current one",
                code="version_conflict",
                where=self.changed.version,
                fix="Read the current status, then decide again.",
            )

    def clocks(self, levels: ServiceLevels, started: int, urgency: str | None = None) -> Clocks:
        """Return the due times of a referral made at log time `started`; urgent ones are shorter.

        Args:
            levels: service levels of the event type.
            started: milliseconds since the epoch, UTC.
            urgency: its code, if stated.
        """
        urgent = urgency in self.urgent
        acknowledge = (urgent and levels.urgent_acknowledge_within) or levels.acknowledge_within
        respond = (urgent and levels.urgent_respond_within) or levels.respond_within
        return Clocks(started + duration_ms(acknowledge), started + duration_ms(respond))


@lru_cache(maxsize=32)
def referral_rules(vocabulary: Vocabulary) -> ReferralRules | None:
    """Return the rules of a vocabulary; None if it has no referrals."""
    form = vocabulary.form.referrals
    if form is None:
        return None
    lists = vocabulary.form.code_lists
    sides: dict[Side, SideForm] = {"referrer": form.referrer, "fulfiller": form.fulfiller}
    return ReferralRules(
        case=vocabulary.case,
        made=form.made,
        changed=form.changed,
        statuses=frozenset(lists[form.status_list].codes),
        reasons=frozenset(lists[form.reason_list].codes),
        first=form.first,
        unacknowledged=frozenset(form.unacknowledged),
        unanswered=frozenset(form.unanswered),
        open=frozenset(form.open),
        terminal=frozenset(form.terminal),
        reason_required=frozenset(form.reason_required),
        called_off=frozenset(form.called_off),
        cancellation_requested=frozenset(form.cancellation_requested),
        urgent=frozenset(form.urgent),
        transitions={
            side: {status: frozenset(new) for status, new in allowed.transitions.items()}
            for side, allowed in sides.items()
        },
        business={side: frozenset(allowed.business) for side, allowed in sides.items()},
    )


def _text(value: JSON | None) -> str | None:
    return None if value is None else str(value)


@lru_cache(maxsize=32)
def service_path(vocabulary: Vocabulary) -> str | None:
    """Return the leaf path of what a referral asks for; None if no leaf says it.

    A vocabulary does not state it. The first code that every referral has, and that does not
    identify a person, is taken: in the shipped vocabularies it is the service.
    """
    form = vocabulary.form.referrals
    if form is None:
        return None
    for path, leaf in vocabulary.type(form.made.type).leaves.items():
        if leaf.required and leaf.form.code is not None and not leaf.form.identifies:
            return path
    return None
