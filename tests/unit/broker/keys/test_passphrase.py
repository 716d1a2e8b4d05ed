"""Sources of a passphrase, and refusals without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.errors import KeyAccessError
from broker.keys.passphrase import PassphraseSource, load_passphrase


def missing(source: PassphraseSource, environment: dict[str, str] | None = None) -> KeyAccessError:
    with pytest.raises(KeyAccessError) as caught:
        load_passphrase(source, environment or {})
    assert caught.value.code == "passphrase_missing"
    assert caught.value.where
    assert caught.value.fix
    return caught.value


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_one_line_end_is_not_part_of_it(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(b" two words " + end)
    assert load_passphrase(PassphraseSource(file=path), {}) == b" two words "


def test_the_environment_and_a_credential_serve_too(tmp_path: Path) -> None:
    assert load_passphrase(PassphraseSource(environment="P"), {"P": "secret"}) == b"secret"
    (tmp_path / "concordant").write_text("secret\n")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert load_passphrase(PassphraseSource(credential="concordant"), environment) == b"secret"


def test_none_is_missing(tmp_path: Path) -> None:
    missing(PassphraseSource())
    missing(PassphraseSource(environment="P"))
    missing(PassphraseSource(environment="P"), {"P": ""})
    missing(PassphraseSource(credential="concordant"))
    missing(PassphraseSource(credential="x"), {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    missing(PassphraseSource(file=tmp_path / "absent"))
    missing(PassphraseSource(file=tmp_path))
    (tmp_path / "empty").write_bytes(b"\n")
    missing(PassphraseSource(file=tmp_path / "empty"))


def test_a_huge_file_is_no_passphrase_and_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    path.write_bytes(b"s3cret" * 10_000)
    assert "s3cret" not in missing(PassphraseSource(file=path)).diagnostics()
