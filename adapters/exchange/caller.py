"""The system of the agency that hands over or reads events."""

from __future__ import annotations

from dataclasses import dataclass

from broker.agency.account import label


@dataclass(frozen=True, slots=True)
class Caller:
    """A system of the agency.

    Attributes:
        name: its name. Idempotency keys are unique for a name, and results are kept with it.
        operator: its name in the disclosure log.
        correctable: whether another body may come under the key of a refused event. A client over
            HTTP takes a new key; a row of a table keeps its own.
    """

    name: str
    operator: str
    correctable: bool = False


def token_caller(name: str) -> Caller:
    """Return the system that has a token of the HTTP interface."""
    return Caller(name, label(f"token {name}"))


def side_caller(side: str, *, correctable: bool = False) -> Caller:
    """Return the system behind a side without tokens, for example ``database``.

    A token's name has no space, so no token has this name.
    """
    return Caller(f"{side} side", label(f"{side} side"), correctable)
