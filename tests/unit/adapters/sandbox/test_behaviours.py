"""Behaviours of partners on the command line."""

from __future__ import annotations

import pytest

from adapters.sandbox.behaviours import LATE_S, Behaviour, behaviours_of, seconds_of
from broker.errors import WrongInputError

PARTNERS = ("council-camden", "haven-support")


def test_a_partner_that_is_not_named_accepts() -> None:
    found = behaviours_of(["council-camden=late:90s"], PARTNERS)
    assert found == {
        "council-camden": Behaviour("late", 90.0),
        "haven-support": Behaviour("accept", 0.0),
    }
    assert behaviours_of(["haven-support=late"], PARTNERS)["haven-support"].delay_s == LATE_S


@pytest.mark.parametrize(
    "option",
    ["council-camden", "council-camden=rude", "council-camden=accept:5s", "council-camden=late:x"],
)
def test_another_text_is_option_invalid(option: str) -> None:
    with pytest.raises(WrongInputError) as caught:
        behaviours_of([option], PARTNERS)
    assert (caught.value.code, caught.value.where) == ("option_invalid", "--partner")


def test_an_unknown_partner_is_agency_unknown_with_the_nearest_name() -> None:
    with pytest.raises(WrongInputError) as caught:
        behaviours_of(["council-camdn=accept"], PARTNERS)
    assert caught.value.code == "agency_unknown"
    assert "council-camden" in (caught.value.fix or "")


@pytest.mark.parametrize(("text", "seconds"), [("60s", 60), ("5m", 300), ("1h", 3600), ("7", 7)])
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text, "--for") == seconds


@pytest.mark.parametrize("text", ["", "0s", "25h", "-3s", "1d", "9" * 30])
def test_no_duration_is_option_invalid(text: str) -> None:
    with pytest.raises(WrongInputError) as caught:
        seconds_of(text, "--for")
    assert caught.value.code == "option_invalid"
