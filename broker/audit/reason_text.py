"""Reason of a person for an action that the disclosure log records, as the person types it."""

from __future__ import annotations

import unicodedata

from broker.audit.actor import LONGEST_REASON
from broker.errors import WrongInputError
from contracts.phrases import phrase


def reason_text(text: str, where: str, example: str) -> str:
    """Return a reason in the form in which it is stored.

    Args:
        text: as it was typed.
        where: option or field, for the error.
        example: what to do, for the error.

    Raises:
        WrongInputError: `reason_invalid`: it is no line of 1 to 200 characters.
    """
    reason = unicodedata.normalize("NFC", text).strip()
    printable = all(unicodedata.category(one)[0] != "C" for one in reason)
    if not reason or len(reason) > LONGEST_REASON or not printable:
        raise WrongInputError(
            phrase(
                "A reason is one line of 1 to %(longest_reason)s characters.",
                longest_reason=LONGEST_REASON,
            ),
            code="reason_invalid",
            where=where,
            fix=example,
        )
    return reason
