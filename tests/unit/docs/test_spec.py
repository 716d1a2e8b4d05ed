"""The specification says what the code does: codes, limits, links and the worked example."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from broker.codes.counted import RECORD_REFUSALS

ROOT = Path(__file__).parents[3]
SPEC = ROOT / "docs" / "spec"

# Refusals of notes on control topics (docs/spec/receipts.md, heartbeats.md) are not of "Opening".
OF_CONTROL = {
    "contract_malformed",
    "cosigners_many",
    "counts_malformed",
    "counts_many",
    "counts_unagreed",
    "counts_unopenable",
    "heartbeat_malformed",
    "listing_malformed",
    "listing_unopenable",
    "listings_many",
    "note_malformed",
    "notice_malformed",
    "notices_many",
    "origins_many",
    "party_left",
    "ping_malformed",
    "ping_unopenable",
    "pings_many",
    "receipt_malformed",
    "receipts_many",
    "report_malformed",
    "report_unopenable",
    "reports_many",
    "request_old",
    "union_malformed",
    "union_misplaced",
    "union_unopenable",
    "unions_many",
}
RAISING = {
    "RefusedError": 1,
    "ContinuityError": 0,
    "LayoutError": 0,
    "OpeningError": 1,
}
# Raised by sending, not by opening.
OF_SENDING = {"value_too_large"}


def codes_in_source() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "broker").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                at = RAISING.get(node.func.id)
                if at is not None and len(node.args) > at:
                    argument = node.args[at]
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        found.add(argument.value)
    return found


def codes_in_text() -> set[str]:
    rows = re.findall(r"^\| [0-9, ]+ \| (`[^|]*`) \|", (SPEC / "opening.md").read_text(), re.M)
    return {code for row in rows for code in re.findall(r"`([a-z_]+)`", row)}


def test_every_refusal_that_opening_can_raise_is_in_its_table() -> None:
    assert codes_in_source() - OF_CONTROL - codes_in_text() == set()


def test_every_refusal_of_a_record_from_kafka_is_a_series_from_the_start() -> None:
    rows = re.findall(
        r"^\| ([0-9, ]+) \| (`[^|]*`) \| ([^|]*) \|", (SPEC / "opening.md").read_text(), re.M
    )
    in_text = {
        (int(step), code)
        for steps, codes, meaning in rows
        for step in steps.split(",")
        for code in re.findall(r"`([a-z_]+)`", codes)
        if "(files)" not in meaning and code != "record_malformed"
    }
    assert set(RECORD_REFUSALS) == in_text
    assert len(RECORD_REFUSALS) == len(in_text)


def test_every_code_in_the_table_is_raised_somewhere() -> None:
    source = "\n".join(
        path.read_text()
        for package in ("broker", "contracts")
        for path in (ROOT / package).rglob("*.py")
    )
    assert {code for code in codes_in_text() if f'"{code}"' not in source} == set()


@pytest.mark.parametrize(
    ("text", "constant"),
    re.findall(r"\| ([0-9]+)[^|]*\| `([a-z_.]+[A-Z_]+)` \|", (SPEC / "README.md").read_text()),
)
def test_a_limit_is_the_constant_that_it_names(text: str, constant: str) -> None:
    module, name = constant.rsplit(".", 1)
    assert int(text) == getattr(importlib.import_module(f"broker.{module}"), name)


def test_the_worked_example_is_what_the_code_computes() -> None:
    out = subprocess.run(
        [sys.executable, str(SPEC / "worked_example.py")],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout
    assert f"```text\n{out}```" in (SPEC / "envelope.md").read_text()


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)]*)\)", text):
        other = (page.parent / target if target else page).read_text()
        headings = {
            re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", other, re.M)
        }
        named = set(re.findall(r"^\(([\w-]+)\)=$", other, re.M))
        assert anchor in headings | named, f"{target}#{anchor}"


def test_the_pseudo_code_of_the_order_refuses_with_the_codes_of_step_4() -> None:
    text = (SPEC / "streams.md").read_text()
    order = text[text.index("### Order") : text.index("### Equivocation")]
    listed, pseudo = order.split("```text")
    codes = set(re.findall(r"(?:refuse|defer) ([a-z_]+)", pseudo))
    step_4 = re.findall(
        r"^\| 4 \| `([a-z_]+)` \| (?!\(files\))", (SPEC / "opening.md").read_text(), re.M
    )
    assert codes == set(step_4)
    assert codes - {"state_full"} <= set(re.findall(r"`([a-z_]+)`", listed))
