"""Words for steps, for further messages and for the history of a referral.

They are for codes that many vocabularies have. For another code the page shows its label.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from broker.operations.desk.further_events import FurtherEvent
from broker.operations.desk.history import HistoryItem
from broker.operations.desk.steps import Step
from contracts.phrases import N_, Phrase, phrase

STEPS: Final[Mapping[str, Phrase]] = {
    "received": N_("Acknowledge"),
    "accepted": N_("Accept"),
    "in-progress": N_("Start the work"),
    "completed": N_("Complete"),
    "on-hold": N_("Put on hold"),
    "rejected": N_("Reject and say why"),
    "failed": N_("End without success"),
    "cancelled": N_("Cancel the referral"),
    "entered-in-error": N_("Withdraw: entered in error"),
    "awaiting-information": N_("Ask for information"),
    "no-contact": N_("Say that you cannot reach the person"),
    "unattended": N_("Say that the person did not attend"),
    "consent-withdrawn": N_("Say that consent was withdrawn"),
    "redirected": N_("Say that you passed the case on"),
    "cancellation-requested": N_("Ask them to cancel"),
}
"""Act of a person for each status, in the order of the page."""
FORWARD: Final = ("received", "accepted", "in-progress", "completed")
"""Steps that take a referral to its aim. They need no reason, and one of them is the first."""
ASKS: Final = "awaiting-information"
"""Progress by which one side asks the other side a question."""
LEADS: Final[Mapping[str, Phrase]] = {
    "received": N_("They see that you have read the referral. You can accept or reject it later."),
    "accepted": N_("They see that you will help."),
    "in-progress": N_("They see that you have started."),
    "completed": N_("They see that the work is done."),
    "on-hold": N_("They see that the work has stopped for now. You can start it again."),
    "rejected": N_("They see that you will not help, and why."),
    "failed": N_("They see that the work has ended without success, and why."),
    "cancelled": N_("They see that the referral is called off, and why."),
    "entered-in-error": N_("They see that you should not have made this referral."),
    "awaiting-information": N_("They see your question. The status and the deadlines stay."),
}
REASONS: Final[Mapping[str, Phrase]] = {
    "rejected": N_("Why do you reject the referral?"),
    "failed": N_("Why has the work ended without success?"),
    "cancelled": N_("Why is the referral called off?"),
    "on-hold": N_("Why is the work on hold?"),
}
FURTHER: Final[Mapping[str, Phrase]] = {
    "case.updated": N_("Update the case"),
    "correction.made": N_("Correct or withdraw what was shared"),
    "critical-incident.declared": N_("Declare a critical incident"),
}
"""Words for types that shipped vocabularies have. For another type the page shows its text."""
_DID: Final[Mapping[str, Phrase]] = {
    "received": N_("acknowledged the referral."),
    "accepted": N_("accepted the referral."),
    "in-progress": N_("started the work."),
    "completed": N_("completed the referral."),
    "on-hold": N_("put the referral on hold."),
    "rejected": N_("rejected the referral."),
    "failed": N_("ended the work without success."),
    "cancelled": N_("cancelled the referral."),
    "entered-in-error": N_("withdrew the referral: entered in error."),
    "awaiting-information": N_("asked for information."),
    "no-contact": N_("could not reach the person."),
    "unattended": N_("said that the person did not attend."),
    "consent-withdrawn": N_("said that consent was withdrawn."),
    "redirected": N_("passed the case on."),
    "cancellation-requested": N_("asked to cancel the referral."),
    "case.updated": N_("updated the case."),
    "correction.made": N_("corrected what was shared."),
    "critical-incident.declared": N_("declared a critical incident."),
}
_ORDER: Final[Mapping[str, int]] = {code: number for number, code in enumerate(STEPS)}


def code_of(step: Step) -> str:
    """Return the code that a step is known by: the progress, or the status."""
    return step.business_status or step.status


def ordered_steps(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Return the steps as a page lists them: towards the aim first, ends without success last."""
    return tuple(sorted(steps, key=lambda one: _ORDER.get(code_of(one), len(_ORDER))))


def is_main_step(step: Step) -> bool:
    """Return whether a step may be the main button of its page."""
    return step.status in FORWARD or not (step.ends or step.needs_reason)


def step_words(step: Step) -> Phrase:
    """Return a step in words that say what a person does."""
    known = STEPS.get(code_of(step))
    if known is not None:
        return known
    if step.business_status:
        return phrase("Tell them: %(what)s", what=step.label)
    return phrase("Set to: %(what)s", what=step.label)


def further_words(event: FurtherEvent) -> str:
    """Return what a further event about the case does, in words."""
    return FURTHER.get(event.type, event.description)


def history_words(item: HistoryItem) -> Phrase:
    """Return what an event of the history did, as the end of a sentence about its sender."""
    if item.removed:
        return N_("sent a message whose content was removed.")
    if item.service is not None:
        return phrase("asked for: %(service)s.", service=item.service)
    if item.status is not None:
        known = _DID.get(item.status.business_status or item.status.status)
        if known is not None:
            return known
        return phrase("set the status to: %(status)s.", status=item.status.label)
    if item.type in _DID:
        return _DID[item.type]
    return phrase("sent: %(what)s", what=item.description)
