"""Text of ``concordant quarantine show``: a held event for a person at a terminal."""

from __future__ import annotations

import re
import sys
from json import dumps
from typing import Final

from broker.cli.output import plain_table
from broker.cli.times import moment
from broker.errors import WrongInputError
from broker.operations.held_event import HeldContent
from contracts.hidden_characters import HIDDEN

EVENT: Final = re.compile(r"event-([1-9][0-9]{0,17})")


def require_terminal() -> None:
    """Refuse before anything is read or logged.

    Raises:
        WrongInputError: ``terminal_needed``.
    """
    if sys.stdout is None or not sys.stdout.isatty():
        raise WrongInputError(
            "What an event says is shown on a terminal only.",
            code="terminal_needed",
            fix="Give the command on a terminal, without > and without |.",
        )


def in_words(content: HeldContent) -> str:
    """Why the event is held, and what it says as JSON; hidden characters are escaped."""
    row, event = content.row, content.event
    facts = [
        ("event", event.id),
        ("type", event.type),
        ("from", event.source),
        ("our case", content.own_case or "not linked"),
        ("held since", moment(row.held_ms)),
        ("tries", str(row.tries)),
        ("code", row.code),
        ("field", row.field or ""),
        ("why", row.detail),
    ]
    said = dumps(event.as_json(), indent=2, ensure_ascii=False)
    said = HIDDEN.sub(lambda found: dumps(found[0])[1:-1], said)
    return plain_table(("", ""), facts).partition("\n")[2] + "\n" + said
