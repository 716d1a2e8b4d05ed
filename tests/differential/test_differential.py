"""Two implementations, one text: the product and tests/conformance answer every input alike.

`make test` tries the same inputs each time, so that it says the same of the same tree;
`compare_at_random.py` looks for others for as long as it is told to. A fault that both share is not
found here. The vectors and the specification find it.
"""

from __future__ import annotations

from random import Random
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.envelope import canonical
from broker.judging import continuity
from broker.tlog import note
from contracts.vocabulary import checks, event_types
from tests.differential.compare_at_random import campaign
from tests.differential.comparison import Family
from tests.differential.families import FAMILIES

randoms = st.randoms(use_true_random=False)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_both_readers_answer_alike(family: Family) -> None:
    @settings(
        max_examples=family.examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(randoms)
    def hold(rng: Random) -> None:
        comparison = family.compare(rng)
        assert comparison.agrees, str(comparison)

    hold()


def by_name(name: str) -> Family:
    return next(family for family in FAMILIES if family.name == name)


@pytest.mark.parametrize(
    ("family", "module", "check", "instead"),
    [
        ("streams", continuity, "_require_shared_prefix", lambda mine, other: None),
        ("streams", continuity, "_fit_between", lambda *facts: ()),
        ("JSON texts", canonical, "_require_plain", lambda value, depth, **_: None),
        ("notes", note, "MAX_NOTE_SIGNATURES", 1),
        ("vocabularies, as trees", checks, "faulty_conditions", lambda form: iter(())),
        ("values of vocabularies", event_types, "_unlisted", lambda value, lists: iter(())),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_check_that_one_of_them_lacks_is_found(
    family: str, module: object, check: str, instead: object
) -> None:
    with patch.object(module, check, instead):
        assert any(not by_name(family).compare(Random(seed)).agrees for seed in range(2000))


def test_a_campaign_counts_its_runs_and_what_was_reached(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert campaign(0.2, 1, [by_name("padding"), by_name("notes")]) == 0
    told = capsys.readouterr().out
    assert "padding: taken" in told
    assert "notes: refused" in told
    assert "0 disagreements" in told


def test_a_campaign_tells_how_to_see_a_disagreement_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with patch.object(continuity, "_require_shared_prefix", lambda mine, other: None):
        assert campaign(60, 1, [by_name("streams")], most=1) == 1
    assert "--family streams --seed" in capsys.readouterr().out
