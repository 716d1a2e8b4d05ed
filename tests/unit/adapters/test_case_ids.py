"""The ids of a case in the bytes of a file: whole words, and fast."""

from __future__ import annotations

import time
from uuid import UUID

import pytest

from adapters.case_search import CaseIds
from broker.operations.erasure import CaseNames

SHARED = "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38"
IDS = CaseIds(CaseNames(SHARED, "EK/2025/42", frozenset()))


@pytest.mark.parametrize(
    "text",
    [
        "EK/2025/42", "a,EK/2025/42,b", "ek/2025/42", "EK/2025/\u200b42", "E\ufeffK/2025/42",
        '"EK\\/2025\\/42"', '"EK/2025/\\u200b42"', SHARED.upper(), f"<Id>{SHARED}</Id>",
        "EK/2025/421,EK/2025/42",
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_an_id_is_found(text: str, encoding: str) -> None:
    assert IDS.stand_in(text.encode(encoding)) or (encoding != "utf-8" and not text.isascii())


@pytest.mark.parametrize(
    "text",
    ["EK/2025/421", "XEK/2025/42", "EK/2025/42-B", "A/EK/2025/42", "EK/2025/4", "_EK/2025/42"],
)
def test_another_reference_is_not(text: str) -> None:
    assert not IDS.stand_in(text.encode())


def test_a_large_file_is_searched_for_many_ids_within_seconds() -> None:
    events = frozenset(str(UUID(int=number)) for number in range(100))
    ids = CaseIds(CaseNames(SHARED, "01/700/26", events))
    content = (
        b"REFER,VSHAV,01/701/26,some words of a narrative and 00000001-0000-0000-\r\n" * 14_000
    )
    begun = time.process_time()
    assert not ids.stand_in(content)
    assert time.process_time() - begun < 2.0  # 1 MB; as one pattern it took 10 s


def test_a_plain_or_short_number_proves_nothing() -> None:
    for reference in ("7", "E1", "12345", "1/2"):
        ids = CaseIds(CaseNames(SHARED, reference, frozenset()))
        assert ids.stand_in(f"a,{reference},b".encode())
        assert not ids.prove(f"a,{reference},b".encode())
        assert ids.prove(SHARED.encode())
    assert IDS.prove(b"a,EK/2025/42,b")
