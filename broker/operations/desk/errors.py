"""Errors of the desk: a request of a person that is not carried out. Nothing has changed."""

from __future__ import annotations

from contracts.errors import ConcordantError
from contracts.phrases import N_


class DeskError(ConcordantError):
    """A request that cannot be carried out as it stands; the person must act.

    Codes: `draft_changed`, `draft_unknown`, `referral_not_kept`.
    """

    code = "referral_not_kept"
    exit_code = 1


def draft_unknown() -> DeskError:
    """Return the error for a draft that this person does not have."""
    return DeskError(
        N_("You have no draft of this number."),
        code="draft_unknown",
        fix=N_("Open the list of your drafts. A draft that was sent is among the sent referrals."),
    )


def draft_changed() -> DeskError:
    """Return the error for a draft that was changed from another page meanwhile."""
    return DeskError(
        N_("The draft was changed from another page since you opened it."),
        code="draft_changed",
        fix=N_("Open the draft again, compare, and enter your change once more."),
    )


def referral_not_kept() -> DeskError:
    """Return the error for a referral that this agency does not have."""
    return DeskError(
        N_("No referral of this number is known here."),
        code="referral_not_kept",
        fix=N_("Open the inbox or the sent referrals, and choose one there."),
    )
