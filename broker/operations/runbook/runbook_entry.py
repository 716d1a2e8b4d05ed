"""Type of a runbook entry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunbookEntry:
    """One trouble, and the way out of it.

    Texts are whole sentences. A command stands between backticks; DIR stands for the agency's
    folder, and other words in capitals for what the person fills in.

    Attributes:
        name: its name in addresses; it never changes.
        title: the trouble as a heading.
        alerts: names of the Prometheus alerts that lead here.
        means: what happened, and what it means for people.
        works: what goes on in the meantime.
        steps: what to do, in order.
    """

    name: str
    title: str
    alerts: tuple[str, ...]
    means: str
    works: str
    steps: tuple[str, ...]
