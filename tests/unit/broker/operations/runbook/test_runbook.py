"""Runbook: an entry for each alert, whole sentences, commands that the program has."""

from __future__ import annotations

import re

import yaml

from broker.operations.runbook.runbook import BY_ALERT, RUNBOOK, parts
from tests.support.commands import every_command
from tests.support.promtool import RULES


def test_every_alert_leads_to_an_entry_and_every_alert_of_an_entry_exists() -> None:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    links = {
        rule["alert"]: rule["annotations"]["runbook_url"].rpartition("#")[2]
        for group in groups
        for rule in group["rules"]
    }
    assert links == {alert: entry.name for alert, entry in BY_ALERT.items()}


def test_names_can_stand_in_an_address_and_texts_are_whole_sentences() -> None:
    for name, entry in RUNBOOK.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
        assert entry.steps
        for text in (entry.means, entry.works, *entry.steps):
            assert text.endswith("."), (name, text)
            assert text.count("`") % 2 == 0, (name, text)


def test_every_command_of_a_step_is_one_of_the_program() -> None:
    known = {one.name for one in every_command()}
    for entry in RUNBOOK.values():
        for step in entry.steps:
            for text, is_code in parts(step):
                if not is_code or not text.startswith("concordant "):
                    continue
                words = re.match(r"concordant ((?:[a-z-]+ ?)*)", text)
                assert words is not None
                said = words[1].split()
                assert any(" ".join(said[:n]) in known for n in (3, 2, 1)) or "--version" in text, (
                    text
                )


def test_parts_of_a_text() -> None:
    assert list(parts("Run `a b`, then `c`.")) == [
        ("Run ", False),
        ("a b", True),
        (", then ", False),
        ("c", True),
        (".", False),
    ]
