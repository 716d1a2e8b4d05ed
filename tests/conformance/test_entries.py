"""Entries: this software and the second reader accept and refuse the same, by the same check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from broker.errors import EntryError
from broker.partnership import entry as software
from tests.conformance import entries

HERE = Path(__file__).resolve().parent
VECTORS: dict[str, Any] = json.loads((HERE / "entry_vectors.json").read_text("utf-8"))
WORDS = Path(software.__file__).parent / "data" / "bip39-english.txt"


def text_of(case: dict[str, Any]) -> bytes:
    text = str(VECTORS["entries"][case["entry"]])
    for old, new in case["edits"]:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return (text + "A" * int(case["more"])).encode()


def second_answer(file: bytes, now: int, deployment: str | None) -> tuple[str | None, list[str]]:
    try:
        found = entries.verify_entry(file, now=now, deployment=deployment)
    except entries.EntryRefusedError as error:
        return error.code, []
    return None, found.words(WORDS.read_text().split())


def own_answer(file: bytes, now: int, deployment: str | None) -> tuple[str | None, list[str]]:
    try:
        found = software.verify_entry(file, now=now, deployment=deployment)
    except EntryError as error:
        return error.code, []
    return None, list(found.words)


def agree(mine: str | None, second: str | None) -> bool:
    """The second reader names a delegation, a manifest and a key without the rule."""
    if mine is None or second is None:
        return mine == second
    return mine.startswith(second) if second.endswith("_") else mine == second


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_both_readers_answer_as_expected(case: dict[str, Any]) -> None:
    file = text_of(case)
    mine, own_words = own_answer(file, case["now"], case["deployment"])
    second, words = second_answer(file, case["now"], case["deployment"])
    assert mine == case["code"]
    assert agree(mine, second), (mine, second)
    assert own_words == words == case.get("words", [])


@pytest.mark.parametrize("name", sorted(VECTORS["entries"]))
def test_both_readers_refuse_each_altered_bit(name: str) -> None:
    file = str(VECTORS["entries"][name]).encode()
    case = VECTORS["cases"][0]
    for at in range(0, len(file), 997):
        altered = file[:at] + bytes([file[at] ^ (1 << at % 7)]) + file[at + 1 :]
        mine, _ = own_answer(altered, case["now"], case["deployment"])
        second, _ = second_answer(altered, case["now"], case["deployment"])
        assert mine is not None
        assert second is not None
