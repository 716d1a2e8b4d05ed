"""Parties that may publish figures under an agreement (docs/spec/figures.md, "Publisher")."""

from __future__ import annotations

from collections.abc import Collection

from broker.agency.participant import Participant
from broker.errors import NotPublishedError
from contracts.model import Contract

__all__ = ["publishers_at", "require_publisher", "require_publisher_now"]


def publishers_at(participant: Participant, agreement: str, time_ms: int) -> frozenset[str] | None:
    """Return the parties that may publish at a time; None if no version is known to have effect.

    Two versions can have effect at once, if neither replaces the other. Then a party of either may
    publish.

    Args:
        participant: the agency that asks.
        agreement: its name.
        time_ms: ms.
    """
    versions = participant.contracts.live(time_ms, agreement)
    if not versions:
        return None
    return frozenset[str]().union(*(one.contract.figures_publishers for one in versions))


def require_publisher(contract: Contract, agency: str) -> None:
    """Refuse a table at an agency that the agreement does not let publish figures.

    Raises:
        NotPublishedError: `figures_published_elsewhere`.
    """
    if agency not in contract.figures_publishers:
        raise _elsewhere(contract.name, agency, contract.figures_publishers)


def require_publisher_now(participant: Participant, agreement: str, now: int) -> None:
    """Refuse the files of a table that was made before another party was named.

    Without a version in force nothing is refused: the table was published under an earlier one.

    Args:
        participant: this agency.
        agreement: its name.
        now: ms.

    Raises:
        NotPublishedError: `figures_published_elsewhere`.
    """
    publishers = publishers_at(participant, agreement, now)
    if publishers is not None and participant.agency not in publishers:
        raise _elsewhere(agreement, participant.agency, publishers)


def _elsewhere(agreement: str, agency: str, publishers: Collection[str]) -> NotPublishedError:
    named = ", ".join(sorted(publishers)) or "no party"
    return NotPublishedError(
        f"The agreement {agreement} lets only {named} publish figures, so {agency} gives no table.",
        code="figures_published_elsewhere",
        where="--agency",
        fix="Ask the agency that the agreement names for the table, or agree a version of the "
        "agreement that names another party in statistics.published_by.",
    )
