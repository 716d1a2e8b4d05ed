"""Results of the agency's own system for received events: imported, or rejected with a reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from adapters.exchange.errors import ExchangeError
from adapters.exchange.json_input import require_shallow
from broker.strict_json import StrictJsonError, parse_strict_json
from contracts.hidden_characters import HIDDEN

REJECTED: Final = "rejected_by_system"
"""Code of an event that the agency's system rejected."""
REASON: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
MOST_TEXT: Final = 500

Outcome: TypeAlias = Literal["imported", "rejected"]


@dataclass(frozen=True, slots=True)
class Rejection:
    """Reason with which the agency's system rejected an event.

    Attributes:
        reason: a code of that system.
        text: in words; it may name a person, so it is only stored in the inbox and never logged.
    """

    reason: str
    text: str

    @property
    def detail(self) -> str:
        """Return reason and text as one line."""
        return f"{self.reason}: {self.text}" if self.text else self.reason


def parse_import_result(body: bytes) -> Rejection | None:
    """Parse the body of a result; None if the event was imported.

    Raises:
        ExchangeError: `result_malformed`, or `request_malformed` if it nests too deeply.
    """
    require_shallow(body)
    try:
        document = parse_strict_json(body)
    except StrictJsonError as error:
        raise _malformed_result(f"The body is not a JSON document: {error}.") from None
    if document == {"outcome": "imported"}:
        return None
    if (
        not isinstance(document, dict)
        or document.get("outcome") != "rejected"
        or not {"outcome", "reason"} <= document.keys() <= {"outcome", "reason", "text"}
    ):
        raise _malformed_result(
            'A result is {"outcome": "imported"}, or {"outcome": "rejected", "reason": CODE, '
            '"text": TEXT}.'
        )
    reason, text = document["reason"], document.get("text", "")
    if not isinstance(reason, str) or not REASON.fullmatch(reason):
        raise _malformed_result(
            "The reason is not a code of lower-case letters, digits and underscores.", "reason"
        )
    if not isinstance(text, str) or len(text) > MOST_TEXT or HIDDEN.search(text):
        raise _malformed_result(
            f"The text has more than {MOST_TEXT} characters, or hidden characters.", "text"
        )
    return Rejection(reason, text)


def _malformed_result(detail: str, where: str | None = None) -> ExchangeError:
    return ExchangeError(detail, code="result_malformed", where=where)
