"""Format of the parts that types, fields and codes play for the engine: consent, law, referrals."""

from __future__ import annotations

from pydantic import Field

from contracts.term import Identifier, Term, Text
from contracts.vocabulary.name_forms import CodeText, LeafPath, Name, TypeName

__all__ = [
    "ConsentForm", "LawForm", "MadeForm", "PartsForm", "ReferralsForm", "SideForm", "StatusForm",
]  # fmt: skip


class ConsentForm(Term):
    """Consent: its scopes, and the fields that hold the answers.

    Attributes:
        scopes: scope to what a person is asked, in words.
        answers: leaf path of each answer to its scope.
        identity: scope that every field needs that identifies a person.
    """

    scopes: dict[Name, Text] = Field(min_length=1)
    answers: dict[LeafPath, Name] = Field(min_length=1)
    identity: Name


class PartsForm(Term):
    """Parts that event types, fields and codes play for the engine.

    Attributes:
        case: leaf path of the shared id of a case; no event is without it.
        urgent_types: event types that go before all others at the sender and at each reader.
        altering_types: event types that change what an earlier event said.
        record_kinds: leaf paths that say of what kind a record is.
        depersonalised_kinds: codes of the kinds whose records carry no identifying field where the
            agreement says `never`.
        depersonalised_record: such a record in words.
    """

    case: LeafPath
    urgent_types: tuple[TypeName, ...] = ()
    altering_types: tuple[TypeName, ...] = ()
    record_kinds: tuple[LeafPath, ...] = ()
    depersonalised_kinds: tuple[CodeText, ...] = ()
    depersonalised_record: Text | None = None


class AcknowledgementForm(Term):
    """An acknowledgement that the parties must make before some fields may be shared.

    Attributes:
        acknowledgement: its name in the agreement.
        message: the problem without it, one sentence.
    """

    fields: tuple[LeafPath, ...] = Field(min_length=1)
    acknowledgement: Identifier
    message: Text


class LawForm(Term):
    """Rules of law beyond the sensitivity of each field.

    Attributes:
        criminal_offence_subjects: people whose data is criminal offence data.
    """

    criminal_offence_subjects: tuple[Identifier, ...] = ()
    acknowledgements: tuple[AcknowledgementForm, ...] = ()


class MadeForm(Term):
    """Event type that makes a referral, and leaf paths in it."""

    type: TypeName
    id: LeafPath
    urgency: LeafPath


class StatusForm(Term):
    """Event type that changes a referral's status, and leaf paths in it."""

    type: TypeName
    id: LeafPath
    version: LeafPath
    status: LeafPath
    previous_status: LeafPath
    reason: LeafPath
    business_status: LeafPath


class SideForm(Term):
    """Changes of status that one side of a referral may make.

    Attributes:
        transitions: status to the statuses that the side may set.
        business: business statuses that it may set.
    """

    transitions: dict[CodeText, tuple[CodeText, ...]]
    business: tuple[CodeText, ...] = ()


class ReferralsForm(Term):
    """Course of a referral: its statuses, who may change them, and which clocks run when.

    Attributes:
        status_list: code list of the statuses.
        reason_list: code list of the reasons.
        first: status of a referral as made.
        unacknowledged: statuses in which the clock of the acknowledgement runs.
        unanswered: statuses in which the clock of the answer runs.
        open: statuses in which a business status may change alone.
        terminal: statuses after which a new attempt is a new referral.
        reason_required: statuses that need a reason.
        called_off: statuses of a referral that was called off.
        cancellation_requested: business statuses that ask for that.
        urgent: codes of urgency for which the shorter clocks run.
    """

    made: MadeForm
    changed: StatusForm
    status_list: Name
    reason_list: Name
    first: CodeText
    unacknowledged: tuple[CodeText, ...]
    unanswered: tuple[CodeText, ...]
    open: tuple[CodeText, ...]
    terminal: tuple[CodeText, ...]
    reason_required: tuple[CodeText, ...] = ()
    called_off: tuple[CodeText, ...] = ()
    cancellation_requested: tuple[CodeText, ...] = ()
    urgent: tuple[CodeText, ...] = ()
    referrer: SideForm
    fulfiller: SideForm
