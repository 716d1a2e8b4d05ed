"""The system of the agency that hands over or reads events."""

from __future__ import annotations

from broker.agency.account import label
from broker.operations.event_acceptance import Caller

__all__ = ["Caller", "side_caller", "token_caller"]


def token_caller(name: str) -> Caller:
    """Return the system that has a token of the HTTP interface."""
    return Caller(name, label(f"token {name}"))


def side_caller(side: str, *, correctable: bool = False) -> Caller:
    """Return the system behind a side without tokens, for example ``database``.

    A token's name has no space, so no token has this name.
    """
    return Caller(f"{side} side", label(f"{side} side"), correctable)
