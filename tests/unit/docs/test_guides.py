"""Tables of the guides name each alert and each alarm that the program can raise."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import yaml

from broker.codes.counted import ALARMS
from broker.observing.metrics import HeldKind

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "guides" / "connecting-an-agency.md"
RUNBOOK = ROOT / "docs" / "runbook.md"


def first_cells() -> set[str]:
    cells = re.findall(r"^\| (`[^|]*) \|", GUIDE.read_text(), re.M)
    return {word for cell in cells for word in re.findall(r"`([\w]+)`", cell)}


def test_each_alert_has_a_first_step() -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    linked = set(re.findall(r"^\| `(\w+)` \| \[", RUNBOOK.read_text(), re.M))
    assert alerts - linked == set()


def test_each_alarm_says_what_to_do() -> None:
    assert set(ALARMS) - first_cells() == set()


def test_each_kind_of_held_item_says_what_to_do() -> None:
    assert set(get_args(HeldKind)) - first_cells() == set()
