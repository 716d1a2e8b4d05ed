"""``judge`` is a function of what it is given: the view only looks up, the cache saves work."""

from __future__ import annotations

import ast
from copy import deepcopy
from pathlib import Path

import pytest

from broker.judging import continuity as continuity_module
from broker.judging import decryption, generations, judgements, judging, verification
from broker.judging.judging import judge
from broker.judging.reader_context import ReaderContext
from broker.judging.verification_cache import VerificationCache
from tests.support.forged_events import draft_event
from tests.support.judging_agency import Reader
from tests.support.sent_records import Log

PURE = (judging, verification, decryption, continuity_module, generations, judgements)
LOOKUPS = {
    "contract_in_force",
    "affected",
    "known",
    "opening_keys",
    "passed",
    "history",
    "receipts",
    "room",
    "state",
    "stream_key",
    "wraps_left",
}


@pytest.mark.parametrize("module", PURE, ids=lambda module: module.__name__)
def test_no_step_assigns_to_the_context(module: object) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text())  # type: ignore[attr-defined]
    assigned = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Subscript)
        and isinstance(node.ctx, ast.Store)
        and ast.unparse(node).startswith("context.")
    ]
    assert assigned == []


def test_a_view_can_be_asked_and_nothing_else() -> None:
    asked = {name for name, member in vars(ReaderContext).items() if callable(member)}
    assert {name for name in asked if not name.startswith("_")} == LOOKUPS


def test_a_record_is_judged_alike_until_its_judgement_is_taken_up(log: Log) -> None:
    reader, record = Reader(), log.send_one(draft_event().value())
    before = deepcopy((reader.context._states, reader.context._events))
    first = judge(record, reader.context, reader.cache, reader.now)
    again = judge(record, reader.context, reader.cache, reader.now)
    fresh = judge(record, reader.context, VerificationCache(), reader.now)
    assert [one.outcome for one in (first, again, fresh)] == ["opened"] * 3
    assert (reader.context._states, reader.context._events) == before
    reader.context.took(first)
    taken = judge(record, reader.context, reader.cache, reader.now)
    assert taken.outcome == "repeat"
