"""Every code has its meaning and its next step; the next step exists, and mends the state."""

from __future__ import annotations

import importlib.util
import re

from broker.codes.counted import ALARMS, ITEM_REFUSALS, RECORD_REFUSALS, RELAY_FAULTS
from broker.codes.meanings import CODES, next_step
from contracts.errors import ConcordantError
from tests.support.code_scan import PACKAGE_FOLDERS, ROOT, codes, next_steps, printed_steps
from tests.support.commands import every_command

SAID = re.compile(r"\bconcordant ([a-z][a-z -]*)")
NAMES = sorted({command.name for command in every_command()}, key=len, reverse=True)
# --- every code has an entry ---------------------------------------------------------------------


def test_every_code_in_the_source_has_an_entry() -> None:
    counted = {code for _, code in RECORD_REFUSALS}.union(ALARMS, ITEM_REFUSALS, RELAY_FAULTS)
    assert (codes() | counted) - set(CODES) == set()


def test_every_entry_is_a_code_of_the_source() -> None:
    text = "\n".join(
        path.read_text()
        for folder in PACKAGE_FOLDERS.values()
        for path in folder.rglob("*.py")
        if path.name != "meanings.py"
    )
    assert {code for code in CODES if f'"{code}"' not in text} == set()


def test_entries_are_plain_sentences() -> None:
    for code, one in CODES.items():
        assert one.means, code
        assert one.means[-1] != ".", code
        assert one.to_do, code
        assert one.to_do[0].isupper(), code
    assert list(CODES) == sorted(CODES)


def test_the_page_is_made_from_the_registry() -> None:
    spec = importlib.util.spec_from_file_location("codes_page", ROOT / "docs/codes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text() == module.page()


# --- every next step exists ----------------------------------------------------------------------


def proposed() -> set[str]:
    return next_steps() | {one.to_do for one in CODES.values()}


def test_every_command_that_is_proposed_is_one_of_ours() -> None:
    wrong = set()
    for text in proposed():
        for found in re.findall(r"\bconcordant ([a-z][a-z -]*)", text):
            words = f"{found.partition(' --')[0].strip()} "
            if found.startswith(("again", "into ")):  # install concordant again
                continue
            if not any(words.startswith(f"{name} ") for name in NAMES if name):
                wrong.add(text)
    assert wrong == set()


def commands(text: str) -> set[str]:
    """The commands of ours that a text names."""
    found = (f"{words.partition(' --')[0].strip()} " for words in SAID.findall(text))
    return {next((n for n in NAMES if n and words.startswith(f"{n} ")), "") for words in found}


def test_printed_commands_are_those_of_the_registry() -> None:
    """A step may say more about its place than the registry, but names no other commands."""
    differ = {
        (code, text)
        for code, text in printed_steps()
        if not commands(text) - {""} <= commands(CODES[code].to_do)
    }
    assert differ == set()


ACTS = {
    "ask": r"\bask\b",
    "clock": r"\bclock\b|\bNTP\b|time service",
    "copy": r"\bcopy\b",
    "correct": r"\bcorrect",
    "export": r"\bexport\b",
    "install": r"\binstall",
    "make room": r"\broom\b|free space",
    "permissions": r"\bpermission|\bmay write|\blet .*(read|write)|chmod|owner|owns",
    "remove": r"\bremove|\bdelete|\bmove\b|\bdiscard\b",
    "renew": r"\brenew\b",
    "report": r"maintainers|\breport this",
    "restore": r"\brestore|\bbackups?\b|\bput .*back\b",
    "sign": r"\bsign\b",
    "start": r"\bstart (the|it)\b",
    "stop": r"\bstop (the|it|what|another)\b",
    "telephone": r"\btelephone|\bcall\b",
    "tell": r"\btell\b",
    "wait": r"\bwait\b",
}
"""Acts of a person that a next step can ask for, and the words for them."""


def acts(text: str) -> set[str]:
    return {act for act, words in ACTS.items() if re.search(words, text, re.I)}


def test_printed_advice_is_that_of_the_registry() -> None:
    """So no message sends a person another way than the page of codes does."""
    differ = {
        (code, tuple(sorted(more)), text)
        for code, text in printed_steps()
        if (more := acts(text) - acts(CODES[code].to_do))
    }
    assert differ == set()
    assert len(printed_steps()) > 150


def test_the_comparison_of_advice_finds_a_contradiction() -> None:
    assert acts("Restore it from a backup.") - acts("Copy it from another party.") == {"restore"}
    assert acts("Nothing; the record is ignored.") == set()


def test_no_next_step_relies_on_a_backup_of_what_every_party_holds() -> None:
    for text in proposed():
        assert "from a backup or from another party" not in text
        assert "Remove the one that was" not in text
        assert not re.search(r"ask( Kafka's host)? for a new one", text, re.I), text


def test_a_new_delegation_is_never_proposed_without_the_governance_keys() -> None:
    for text in proposed():
        if "keys delegate" in text and not re.match(r"(Ask|ask) ", text):
            assert "overnance keys" in text, text


def test_an_error_without_words_of_its_own_has_the_next_step_of_its_code() -> None:
    assert next_step(ConcordantError("x", code="kafka_failed")) == CODES["kafka_failed"].to_do
    assert next_step(ConcordantError("x", code="kafka_failed", fix="Wait.")) == "Wait."
