"""Identity of the person who runs a command, for the disclosure log.

The login name is recorded as the system gives it, whatever `--operator` says; the name given with
`--operator` is recorded beside it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from broker.agency.account import LABEL_CHARACTERS, label, login_name
from broker.audit.actor import LONGEST_REASON, Actor
from broker.audit.reason_codes import REASONS, split_reason
from broker.audit.reason_text import reason_text
from broker.errors import WrongInputError

Operator = Annotated[
    str | None,
    typer.Option(
        "--operator",
        metavar="NAME",
        help="For whom you act. The log keeps your login name as well.",
    ),
]
_REASON = typer.Option(
    "--reason",
    metavar="TEXT",
    help=f"Why, in at most {LONGEST_REASON} characters. Name a purpose, not a person. It is "
    "stored encrypted.",
)
Reason = Annotated[str | None, _REASON]
ConsultationReason = Annotated[
    str | None,
    typer.Option(
        "--reason",
        metavar="CODE[: WORDS]",
        help=f"Why you look at the data: {', '.join(REASONS)}. Words are "
        "stored encrypted. An agreement may require a reason.",
    ),
]
RequiredReason = Annotated[str, _REASON]


def actor(acting_for: str | None, reason: str | None) -> Actor:
    """Return the person who runs the command, for whom, and the reason.

    Raises:
        WrongInputError: `reason_invalid` or `operator_invalid`.
    """
    return Actor(
        label(login_name()),
        None if acting_for is None else _acting_for(acting_for),
        None if reason is None else _reason(reason),
    )


def reader(acting_for: str | None, reason: str | None) -> Actor:
    """Return the person who looks at data of an event, with code and words of the reason.

    Raises:
        WrongInputError: `reason_invalid` or `operator_invalid`.
    """
    code, words = (None, None) if reason is None else split_reason(reason)
    return replace(actor(acting_for, words), reason_code=code)


def _acting_for(text: str) -> str:
    if not text.strip() or len(text) > LABEL_CHARACTERS:
        raise WrongInputError(
            f"The name of --operator is empty, or has more than {LABEL_CHARACTERS} characters.",
            code="operator_invalid",
            where="--operator",
            fix="Give a name, or leave the option out: the login name is logged in any case.",
        )
    return label(text)


def _reason(text: str) -> str:
    return reason_text(
        text,
        "--reason",
        "For example: --reason 'complaint 2026/17, asked by the data protection officer'",
    )
