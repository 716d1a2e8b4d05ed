"""Phrases: English as any string, and the same sentence in another language."""

from __future__ import annotations

import copy
import gettext
import json
import re
from collections.abc import Callable
from datetime import date

import pytest

from contracts.phrases import (
    N_,
    Phrase,
    capitalised,
    day_words,
    enumerated,
    from_list,
    grouped,
    in_language,
    joined,
    phrase,
    phrases,
    sentences,
)


class Shouted(gettext.NullTranslations):
    """English in capitals, with points between thousands; places for values stay."""

    def gettext(self, message: str) -> str:
        if message == ",":
            return "."
        return re.sub(
            r"%\(\w+\)s|[a-z]",
            lambda found: found[0] if found[0][1:] else found[0].upper(),
            message,
        )

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"{self.gettext(msgid1 if n == 1 else msgid2)}!"


class Fixed(gettext.NullTranslations):
    """A language with two texts."""

    def gettext(self, message: str) -> str:
        return {"%(who)s waits": "%(who)s yn aros", "two {what}": "dau {what}"}.get(
            message, message
        )


@pytest.mark.parametrize(
    ("made", "english", "shouted"),
    [
        (N_("all is well"), "all is well", "ALL IS WELL"),
        (N_(""), "", ""),
        (phrases("%(n)s event", "%(n)s events", 1), "1 event", "1 EVENT!"),
        (phrases("%(n)s event", "%(n)s events", 1204), "1,204 events", "1.204 EVENTS!"),
        (joined("; ", ["Haven", N_("so")]), "Haven; so", "Haven; SO"),
        (joined(N_(" or "), ["a", "b"]), "a or b", "a OR b"),
        (sentences(N_("One."), "", N_("Two.")), "One. Two.", "ONE. TWO."),
        (capitalised(joined("", [N_("so"), " it is"])), "So it is", "SO it is"),
        (enumerated(["A"]), "A", "A"),
        (grouped(-1204), "-1,204", "-1.204"),
        (N_("100 %"), "100 %", "100 %"),
    ],
)
def test_in_english_and_in_another_language(made: Phrase, english: str, shouted: str) -> None:
    assert made == english
    assert f"{made}" == english
    assert made.in_language(Shouted()) == shouted
    assert made.in_language(gettext.NullTranslations()) == english


def test_a_value_is_said_in_the_language_too() -> None:
    inner = phrase("%(who)s waits", who="Haven")

    assert phrase("%(who)s waits", who=inner).in_language(Fixed()) == "Haven yn aros yn aros"
    assert in_language(inner, Fixed()) == "Haven yn aros"
    assert in_language(12, Fixed()) == 12


def test_lists_and_days() -> None:
    assert enumerated(["A", "B", "C"]) == "A, B and C"
    assert day_words(date(2026, 11, 24)) == "24 November 2026"


def test_a_text_of_a_dated_list_has_braces() -> None:
    made = from_list("two {what}", {"what": phrase("%(who)s waits", who="A")})

    assert made == "two A waits"
    assert made.in_language(Fixed()) == "dau A yn aros"


@pytest.mark.parametrize(
    "made",
    [
        phrase("%(who)s waits", who="a-b"),
        phrases("%(who)s", "%(n)s %(who)s", 2, who="a-b"),
        joined(": ", ["a-b", N_("a-b")]),
        capitalised(phrase("%(who)s waits", who="a-b")),
    ],
)
def test_plain_values_can_be_changed(made: Phrase) -> None:
    def changed(text: str) -> str:
        return text.replace("a-b", "A B")

    assert made.with_values(changed).startswith(("A B", "2 A B"))
    assert N_("a-b").with_values(changed) == "a-b"


@pytest.mark.parametrize("keep", [copy.copy, copy.deepcopy])
def test_a_copy_can_be_said_too(keep: Callable[[Phrase], Phrase]) -> None:
    assert keep(phrase("%(who)s waits", who="A")).in_language(Fixed()) == "A yn aros"


def test_it_is_written_as_any_string() -> None:
    assert json.dumps({"text": phrase("%(who)s waits", who="A")}) == '{"text": "A waits"}'
