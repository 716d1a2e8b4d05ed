"""Explanations of refusals: in the language of the pages, English words marked as English."""

from __future__ import annotations

import pytest

from adapters.web.explanations import Explanations
from contracts.errors import ConcordantError
from contracts.phrases import N_
from tests.unit.contracts.test_phrases import Shouted

WELSH = Explanations(Shouted(), english=False)
ENGLISH = Explanations(Shouted(), english=True)
CODE = "content_type_unknown"


def error(detail: str, code: str = CODE) -> ConcordantError:
    return ConcordantError(detail, code=code)


def test_a_phrase_is_said_in_the_language() -> None:
    assert WELSH.explained(error(N_("it is <wrong>."))) == "IT IS &lt;WRONG&gt;."


def test_english_words_follow_the_meaning_of_their_code_and_are_marked() -> None:
    assert WELSH.explained(error("It is <wrong>.")) == (
        'THE CONTENT TYPE IS UNKNOWN <span lang="en">(It is &lt;wrong&gt;.)</span>'
    )


def test_english_pages_show_the_words_alone() -> None:
    assert ENGLISH.explained(error("it is wrong.")) == "It is wrong."


def test_words_of_an_unknown_code_are_shown() -> None:
    assert WELSH.explained(error("it is wrong.", "no_such_code")) == "It is wrong."


@pytest.mark.parametrize(
    ("explanations", "step", "code", "said"),
    [
        (WELSH, N_("try again."), CODE, "TRY AGAIN."),
        (WELSH, "try again.", CODE, "NOTHING WAS ACCEPTED."),
        (WELSH, "try again.", None, "Try again."),
        (WELSH, "concordant doctor", CODE, "concordant doctor"),
        (ENGLISH, "try again.", CODE, "Try again."),
        (ENGLISH, None, CODE, ""),
    ],
)
def test_the_advice_is_said_in_the_language(
    explanations: Explanations, step: str | None, code: str | None, said: str
) -> None:
    assert explanations.to_do(step, code).startswith(said)
