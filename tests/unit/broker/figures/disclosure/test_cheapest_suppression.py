"""Small tables: the hidden figures cost as little as the best set that trying all of them finds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.figures.disclosure import Counts, protect, release
from broker.figures.disclosure.exact import protect_exactly
from broker.figures.disclosure.goals import Target, requirements
from broker.figures.disclosure.knowledge import Knowledge, State
from broker.figures.disclosure.whole_world import whole_world
from broker.figures.disclosure.worlds import World
from tests.support.disclosure_attack import table

counts = st.sampled_from([0, 0, 1, 2, 3, 5, 9])
tables = st.fixed_dictionaries(
    dict.fromkeys(
        ("1|1", "1|2", "2|1", "2|2"),
        st.one_of(
            st.fixed_dictionaries({"a": counts}),
            st.fixed_dictionaries({"a": counts, "b": counts}),
        ),
    )
)


def is_protected(knowledge: Knowledge, targets: Sequence[Target]) -> bool:
    return all(
        any(all(whole_world(knowledge, goal) for goal in option) for option in asked.options)
        for target in targets
        for asked in requirements(knowledge, target, merged=False)
    )


def least_cost(knowledge: Knowledge, targets: Sequence[Target]) -> tuple[int, int] | None:
    """Number and sum of the hidden figures of the best set; None if no set protects the targets."""
    before = knowledge.state.copy()
    hideable = np.nonzero(before == State.SHOWN)[0].tolist()
    sets = [
        chosen
        for size in range(len(hideable) + 1)
        for chosen in itertools.combinations(hideable, size)
    ]
    costs = {chosen: (len(chosen), int(knowledge.values[list(chosen)].sum())) for chosen in sets}
    found = None
    for chosen in sorted(sets, key=lambda one: costs[one]):
        knowledge.state[:] = before
        knowledge.state[list(chosen)] = State.SAFE
        if is_protected(knowledge, targets):
            found = costs[chosen]
            break
    knowledge.state[:] = before
    return found


@settings(max_examples=15, deadline=None)
@given(tables, st.integers(2, 5), st.sampled_from([1, 3]))
def test_no_cheaper_set_of_hidden_figures_protects(made: Counts, threshold: int, base: int) -> None:
    compared = []

    def compare(knowledge: Knowledge, targets: Sequence[Target]) -> list[World] | None:
        expected = least_cost(knowledge, targets)
        before = knowledge.state.copy()
        proofs = protect_exactly(knowledge, targets)
        if proofs is not None:
            hidden = np.nonzero(knowledge.state != before)[0]
            assert (len(hidden), int(knowledge.values[hidden].sum())) == expected
        else:
            assert expected is None
        compared.append(expected)
        return proofs

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(release, "protect_exactly", compare)
        protect(made, table([("1", "2"), ("1", "2")], threshold), round_to=base)
    assert compared
