"""The event commands when a key or the passphrase is missing, wrong or not readable.

Only the keys that a command needs are opened, and nothing is sealed or read without them.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

SENDER, READER = "csu-camden", "council-camden"


def require_failure(done, code: str) -> None:
    done.require_failure(code)


def the_key(folder: Path, role: str) -> Path:
    found = sorted(folder.glob(f"keys/{role}-*.key.json"), key=lambda p: p.stat().st_size)
    return found[0]


Spoil = Callable[[Path, Path], None]


def remove(path: Path, _other: Path) -> None:
    path.unlink()


def empty(path: Path, _other: Path) -> None:
    path.write_bytes(b"")


def fill_with_rubbish(path: Path, _other: Path) -> None:
    path.write_bytes(bytes(range(256)) * 10)


def make_huge(path: Path, _other: Path) -> None:
    path.write_bytes(b" " * 5_000_000)


def truncate(path: Path, _other: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def alter(path: Path, _other: Path) -> None:
    key = json.loads(path.read_bytes())
    text = bytearray(base64.b64decode(key["ciphertext"]))
    text[0] ^= 1
    key["ciphertext"] = base64.b64encode(bytes(text)).decode()
    path.write_text(json.dumps(key))


def replace_by_folder(path: Path, _other: Path) -> None:
    path.unlink()
    path.mkdir()


def take_that_of_another_agency(path: Path, other: Path) -> None:
    path.write_bytes(the_key(other, path.name.partition("-")[0]).read_bytes())


KEY_FAULTS: list[tuple[Spoil, set[str]]] = [
    (remove, {"key_missing"}),
    (empty, {"key_unreadable"}),
    (fill_with_rubbish, {"key_unreadable"}),
    (make_huge, {"key_unreadable"}),
    (truncate, {"key_unreadable"}),
    (alter, {"passphrase_wrong", "key_unreadable"}),
    (replace_by_folder, {"key_missing", "key_unreadable"}),
    (take_that_of_another_agency, {"key_unreadable"}),
]


@pytest.mark.parametrize(("spoil", "codes"), KEY_FAULTS)
@pytest.mark.parametrize("role", ["secret", "stream"])
def test_sealing_with_a_key_that_is_not_right(
    cli, root: Path, line: bytes, role: str, spoil: Spoil, codes: set[str]
) -> None:
    folder = root / SENDER
    for path in folder.glob(f"keys/{role}-*.key.json"):
        spoil(path, root / READER)
    done = cli("event", "seal", "--agency", folder, stdin=line)
    require_failure(done, done.err.rpartition("code:  ")[2].strip())
    assert done.err.rpartition("code:  ")[2].strip() in codes


@pytest.mark.parametrize(("spoil", "codes"), KEY_FAULTS[1:])
def test_opening_with_a_key_that_is_not_right(
    cli, root: Path, sealed: bytes, spoil: Spoil, codes: set[str]
) -> None:
    folder = root / READER
    spoil(the_key(folder, "exchange"), root / SENDER)
    done = cli("event", "open", "--agency", folder, stdin=sealed)
    if done.code == 4:  # the file is gone for all that can be seen
        assert {answer["refused"] for answer in done.jsonl} == {"key_missing"}
        assert "key_missing" in codes
        return
    assert done.code == 3
    assert done.err.rpartition("code:  ")[2].strip() in codes


def test_an_exchange_key_that_was_listed_and_is_gone_is_refused_and_not_passed_over(
    cli, root: Path, sealed: bytes
) -> None:
    the_key(root / READER, "exchange").unlink()
    done = cli("event", "open", "--agency", root / READER, stdin=sealed)
    assert done.code == 4
    assert done.jsonl == [{"refused": "key_missing", "step": 5}] * 2


def test_only_the_keys_that_are_needed_are_opened(cli, root: Path, line: bytes) -> None:
    folder = root / SENDER
    for role in ("exchange", "receipt"):
        the_key(folder, role).write_bytes(b"rubbish")
    shutil.rmtree(folder / "governance")
    assert cli("event", "seal", "--agency", folder, stdin=line).code == 0


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"wrong\n", "passphrase_wrong"),
        (b"", "passphrase_missing"),
        (b"\n", "passphrase_missing"),
        (b"x" * 5000, "passphrase_missing"),
        (bytes(range(1, 256)), "passphrase_wrong"),
        (None, "passphrase_missing"),
    ],
)
def test_a_passphrase_that_is_not_right(
    cli, root: Path, line: bytes, sealed: bytes, content: bytes | None, code: str
) -> None:
    for agency, command, stdin in ((SENDER, "seal", line), (READER, "open", sealed)):
        path = root / agency / "passphrase"
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        require_failure(cli("event", command, "--agency", root / agency, stdin=stdin), code)
        assert cli("event", "verify", "--agency", root / agency, stdin=sealed).code == 0


def test_the_passphrase_is_never_shown(cli, root: Path, line: bytes) -> None:
    (root / SENDER / "passphrase").write_text("hunter2-hunter2")
    done = cli("event", "seal", "--agency", root / SENDER, stdin=line)
    assert "hunter2" not in done.err + done.text
