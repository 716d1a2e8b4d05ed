"""The secret of the webhook: made once, replaced without a gap, and read only by its owner."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest

from adapters.webhook.secret_file import make_secret, read_keys, retire_secret, rotate_secret
from adapters.webhook.signing import secret_bytes
from broker.errors import ConfigError, WrongInputError


def test_a_new_secret_is_readable_by_its_owner_only_and_is_made_once(tmp_path: Path) -> None:
    """Code webhook_secret_exists; its advice is carried out."""
    path = tmp_path / "webhook-secret"
    made = make_secret(tmp_path, path)
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_keys(path) == (secret_bytes(made),)
    with pytest.raises(WrongInputError) as caught:
        make_secret(tmp_path, path)
    assert caught.value.code == "webhook_secret_exists"
    assert rotate_secret(tmp_path, path) != made


def test_a_rotation_has_two_secrets_until_the_older_one_is_retired(tmp_path: Path) -> None:
    """Code webhook_secret_two; its advice is carried out."""
    path = tmp_path / "webhook-secret"
    old = make_secret(tmp_path, path)
    assert not retire_secret(tmp_path, path)
    new = rotate_secret(tmp_path, path)
    assert read_keys(path) == (secret_bytes(new), secret_bytes(old))
    with pytest.raises(WrongInputError) as caught:
        rotate_secret(tmp_path, path)
    assert caught.value.code == "webhook_secret_two"
    assert read_keys(path)[0] == secret_bytes(new)
    assert retire_secret(tmp_path, path)
    assert read_keys(path) == (secret_bytes(new),)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "whsec_short", "x\n" * 3, "whsec_" + "A" * 2000])
def test_another_content_is_webhook_secret_unusable(tmp_path: Path, content: str) -> None:
    path = tmp_path / "webhook-secret"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        read_keys(path)
    assert caught.value.code == "webhook_secret_unusable"
    assert content[:12] not in str(caught.value) or not content


def test_a_secret_that_others_can_write_to_or_that_is_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "webhook-secret"
    with pytest.raises(ConfigError) as caught:
        read_keys(path)
    assert caught.value.code == "webhook_secret_unusable"
    make_secret(tmp_path, path)
    path.chmod(0o666)
    with pytest.raises(ConfigError) as caught:
        read_keys(path)
    assert caught.value.code == "webhook_secret_unusable"


def test_a_shortage_of_file_descriptors_is_no_fault_of_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_arguments: object) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    with monkeypatch.context() as broken:
        broken.setattr(os, "open", exhausted)
        with pytest.raises(OSError, match="too many"):
            read_keys(tmp_path / "secret")
