"""What an operator reads when a passphrase cannot be had: what, where, and what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from broker.keys.passphrase import PASSPHRASE_LIMIT_BYTES, PassphraseSource, load_passphrase
from tests.unit.broker.keys.operator_view import said, watch_reading


def test_a_passphrase_that_is_not_there_is_said_where_it_was_looked_for(tmp_path: Path) -> None:
    assert said(lambda: load_passphrase(PassphraseSource(), {})) == (
        "passphrase_missing",
        "No source of the passphrase is configured.",
        "agency.toml [passphrase]",
        "Set one of file, environment or credential.",
    )
    assert said(lambda: load_passphrase(PassphraseSource(environment="P"), {})) == (
        "passphrase_missing",
        "The passphrase is empty.",
        "environment variable P",
        "Set P for this process.",
    )
    assert said(lambda: load_passphrase(PassphraseSource(credential="c"), {})) == (
        "passphrase_missing",
        "The passphrase is a credential, but the service manager gave none.",
        "CREDENTIALS_DIRECTORY",
        "Start the service with LoadCredential=c:FILE.",
    )
    absent = tmp_path / "absent"
    assert said(lambda: load_passphrase(PassphraseSource(file=absent), {})) == (
        "passphrase_missing",
        "The passphrase file cannot be read (No such file or directory).",
        str(absent),
        "Put the passphrase back, readable by this user only (mode 0600).",
    )


def test_a_passphrase_has_at_most_4096_bytes(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    source = PassphraseSource(file=path)
    longest = b"p" * PASSPHRASE_LIMIT_BYTES
    for end in (b"", b"\n"):
        path.write_bytes(longest + end)
        assert load_passphrase(source, {}) == longest
    path.write_bytes(longest + b"p")
    assert said(lambda: load_passphrase(source, {})) == (
        "passphrase_missing",
        "The passphrase is too long.",
        str(path),
        "Put the passphrase into the file, on one line.",
    )
    path.write_bytes(b"\n")
    assert said(lambda: load_passphrase(source, {}))[1] == "The passphrase is empty."


def test_a_file_is_read_no_further_than_it_takes_to_see_that_it_is_too_long(
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
