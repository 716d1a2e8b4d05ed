"""Differences of two shown counts, which a reader can compute although no table shows them.

A strand and the total, or an area and a slightly larger one of an earlier release, give the cases
that one has and the other has not. Such a number is protected like a hidden one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from broker.figures.disclosure.goals import Target, is_unsafe
from broker.figures.disclosure.knowledge import Knowledge, State

__all__ = ["small_differences"]


def small_differences(knowledge: Knowledge) -> Iterator[Target]:
    """Parts of shown counts that lack another shown count, if they are small for an attacker.

    Parts that are statements themselves are left out: each is a target of its own, or safe.
    """
    statements = knowledge.statements
    shown = knowledge.state >= State.SHOWN
    known = {one.members.tobytes() for one in statements}
    counted = np.zeros(len(knowledge.population.atoms), dtype=np.bool_)
    for position in np.nonzero(shown)[0]:
        part = statements[position]
        counted[part.members] = True
        for other in knowledge.touching[part.members[0]]:
            whole = statements[other]
            threshold = max(part.threshold, whole.threshold)
            if (
                shown[other]
                and knowledge.sizes[other] > len(part.members)
                and is_unsafe(whole.own - part.own, threshold)
                and counted[whole.members].sum() == len(part.members)
            ):
                members = whole.members[~counted[whole.members]]
                if members.tobytes() not in known:
                    known.add(members.tobytes())
                    yield Target(f"{whole.key} less {part.key}", members, threshold, None)
        counted[part.members] = False
