"""A reason is a code, and words where the code needs them."""

from __future__ import annotations

import pytest

from broker.audit.reason_codes import OTHER, REASONS, is_stated, split_reason


@pytest.mark.parametrize("code", [code for code in REASONS if code != OTHER])
def test_a_code_of_the_list_is_a_reason_without_words(code: str) -> None:
    assert is_stated(code, None)
    assert is_stated(code, "complaint 2026/17")


@pytest.mark.parametrize(
    ("code", "words"), [(None, None), (None, "I want to"), (OTHER, None), (OTHER, ""), ("x", "y")]
)
def test_words_alone_and_another_reason_without_words_are_none(
    code: str | None, words: str | None
) -> None:
    assert not is_stated(code, words)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("audit", "audit", None),
        ("audit:", "audit", None),
        ("other: a visit: the first", "other", "a visit: the first"),
        ("complaint 2026/17", None, "complaint 2026/17"),
        ("audits: of March", None, "audits: of March"),
    ],
)
def test_code_and_words_are_told_apart(text: str, code: str | None, words: str | None) -> None:
    assert split_reason(text) == (code, words)
