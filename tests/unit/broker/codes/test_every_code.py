"""Every code: its state is brought about, and the registry's next step ends it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from broker.codes.meanings import CODES
from tests.support.codes import calls, commands, export_faults, folders, records, statements
from tests.support.codes.elsewhere import BY_TEST, NOT_CARRIED_OUT, Reason, fault

Driver = Callable[[str, Path], Any]
FAMILIES: tuple[tuple[Driver, Iterable[str]], ...] = (
    (records.carry_out, records.cases()),
    (records.carry_out_file, records.FILES),
    (folders.carry_out, dict.fromkeys(state.code for state in folders.STATES)),
    (export_faults.carry_out, export_faults.EXPORTS),
    (export_faults.carry_out_in_folder, export_faults.ENTRIES),
    (commands.carry_out, commands.COMMANDS),
    (commands.carry_out_event, commands.EVENTS),
    (statements.carry_out_manifest, statements.MANIFESTS),
    (statements.carry_out_contract, statements.CONTRACTS),
    (statements.carry_out, statements.STATEMENTS),
    (calls.carry_out, calls.CALLS),
    (commands.carry_out_folder, ("directory_not_empty",)),
)
STEPS = [(code, driver) for driver, codes in FAMILIES for code in codes]


@pytest.mark.parametrize(
    ("code", "driver"), STEPS, ids=[f"{code}-{d.__module__.split('.')[-1]}" for code, d in STEPS]
)
def test_the_next_step_ends_the_state(code: str, driver: Driver, tmp_path: Path) -> None:
    done = driver(code, tmp_path)
    if inspect.iscoroutine(done):
        asyncio.run(done)


HERE = {code for code, _ in STEPS}
BROUGHT_ABOUT_NOWHERE = 0
"""Codes with a reason and without a test that brings their state about. It only falls."""


def test_every_code_is_carried_out_or_has_a_reason() -> None:
    assert set(CODES) == HERE | BY_TEST.keys() | NOT_CARRIED_OUT.keys()


def test_no_code_has_both() -> None:
    assert (HERE | BY_TEST.keys()) & NOT_CARRIED_OUT.keys() == set()
    assert BY_TEST.keys() & HERE == set()


def test_every_named_test_exists_and_is_about_the_code() -> None:
    named = {**BY_TEST, **{code: test for code, (_, test) in NOT_CARRIED_OUT.items() if test}}
    faults = {code: fault(code, test) for code, test in named.items()}
    assert {code: found for code, found in faults.items() if found} == {}


def test_few_states_are_brought_about_by_no_test() -> None:
    nowhere = {
        code
        for code, (reason, test) in NOT_CARRIED_OUT.items()
        if not test and reason not in {Reason.DEFAULT, Reason.WORD}
    }
    assert len(nowhere) <= BROUGHT_ABOUT_NOWHERE, sorted(nowhere)
