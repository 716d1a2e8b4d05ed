"""Refusals of a missing or unusable passphrase: code and place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from broker.keys.passphrase import PASSPHRASE_LIMIT_BYTES, PassphraseSource, load_passphrase
from tests.unit.broker.keys.operator_view import said, watch_reading


def test_a_missing_passphrase_is_refused_with_the_place_of_the_search(tmp_path: Path) -> None:
    assert said(lambda: load_passphrase(PassphraseSource(), {})) == (
        "passphrase_missing",
        "agency.toml [passphrase]",
    )
    assert said(lambda: load_passphrase(PassphraseSource(environment="P"), {})) == (
        "passphrase_missing",
        "environment variable P",
    )
    assert said(lambda: load_passphrase(PassphraseSource(credential="c"), {})) == (
        "passphrase_missing",
        "CREDENTIALS_DIRECTORY",
    )
    absent = tmp_path / "absent"
    assert said(lambda: load_passphrase(PassphraseSource(file=absent), {})) == (
        "passphrase_missing",
        str(absent),
    )


def test_a_passphrase_has_at_most_4096_bytes(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    source = PassphraseSource(file=path)
    longest = b"p" * PASSPHRASE_LIMIT_BYTES
    for end in (b"", b"\n"):
        path.write_bytes(longest + end)
        assert load_passphrase(source, {}) == longest
    path.write_bytes(longest + b"p")
    assert said(lambda: load_passphrase(source, {})) == ("passphrase_missing", str(path))
    path.write_bytes(b"\n")
    assert said(lambda: load_passphrase(source, {})) == ("passphrase_missing", str(path))


def test_a_long_file_is_read_to_one_byte_past_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(b"p" * 3 * PASSPHRASE_LIMIT_BYTES)
    asked = watch_reading(monkeypatch)
    said(lambda: load_passphrase(PassphraseSource(file=path), {}))
    assert asked == [PASSPHRASE_LIMIT_BYTES + 1]


def test_a_passphrase_of_any_bytes_passes_through_the_environment() -> None:
    # os.environ holds bytes that are not UTF-8 as lone surrogates (PEP 383)
    raw = b"caf\xe9 \xff"
    environment = {"P": os.fsdecode(raw)}
    assert load_passphrase(PassphraseSource(environment="P"), environment) == raw
