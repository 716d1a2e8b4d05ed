"""Share of cases that several kinds of agency have seen, in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from broker.figures.unions.shares import UnionShare
from contracts.phrases import N_, Phrase, phrase


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


def union_in_words(share: UnionShare, hidden: str) -> Phrase:
    """Return the share in a sentence.

    Args:
        share: as it is held.
        hidden: text of a hidden number.
    """
    shown = hidden if share.share_percent is None else f"{share.share_percent} %"
    return phrase("Seen by more than one kind of agency: %(shown)s.", shown=shown)


def union_notes(share: UnionShare) -> Iterator[Phrase]:
    """Yield sentences about the completeness and the limits of the share."""
    yield (
        phrase(
            "%(tallied_by)s computed the share of cases that were seen by more than one kind of "
            "agency. It did so once, from pseudonyms of the cases of %(names)s. An agency has seen "
            "a case if it has sent an event about it.",
            tallied_by=share.tallied_by,
            names=", ".join(share.agencies),
        )
    )
    if share.missing:
        yield (
            phrase(
                "No pseudonyms came from %(names)s. The share does not have the cases that they "
                "have seen, so it may be too low.",
                names=", ".join(share.missing),
            )
        )
    if share.share_percent is None:
        yield N_("The share is hidden, because it would give a small number away.")
