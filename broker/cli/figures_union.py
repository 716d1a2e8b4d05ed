"""Share of cases that several kinds of agency have seen, in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from broker.figures.unions.shares import UnionShare


def union_json(share: UnionShare | None) -> dict[str, object] | None:
    """Return the share as JSON (docs/spec/figures.md, "Releases")."""
    if share is None:
        return None
    return {
        "share_percent": share.share_percent,
        "agencies": list(share.agencies),
        "missing": list(share.missing),
        "tallied_by": share.tallied_by,
    }


def union_in_words(share: UnionShare, hidden: str) -> str:
    """Return the share in a sentence.

    Args:
        share: as it is held.
        hidden: text of a hidden number.
    """
    shown = hidden if share.share_percent is None else f"{share.share_percent} %"
    return f"Seen by more than one kind of agency: {shown}."


def union_notes(share: UnionShare) -> Iterator[str]:
    """Yield sentences about the completeness and the limits of the share."""
    yield (
        f"{share.tallied_by} tallied the share of cases that more than one kind of agency has "
        f"seen, once, from tokens of {', '.join(share.agencies)}. An agency has seen a case if it "
        "has sent an event about it."
    )
    if share.missing:
        yield (
            f"No tokens came from {', '.join(share.missing)}. The share does not have what they "
            "have seen, so it may be too low."
        )
    if share.share_percent is None:
        yield "The share is hidden, because it would give a small number away."
