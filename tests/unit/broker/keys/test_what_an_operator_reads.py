"""Refusals of a missing, damaged or foreign key: code and place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.envelope.primitives import AeadKey, b64, lp, sha256
from broker.errors import ConfigError, KeyAccessError
from broker.keys import keyring as keyring_module
from broker.keys.instant import format_instant
from broker.keys.keyfile import (
    KEYFILE_LIMIT_BYTES,
    KeyEntry,
    KeyFile,
    format_keyfile,
    parse_keyfile,
    seal_key,
)
from broker.keys.keyring import Keyring, open_source
from contracts.durations import DAY_MS
from tests.unit.broker.keys.operator_view import said, watch_reading

Make = Callable[..., Keyring]


def file_of(ring: Keyring, entry: KeyEntry) -> Path:
    return ring.folder / f"{entry.role}-{entry.kid.hex()}.key.json"


# --- key files -----------------------------------------------------------------------------------


def test_a_key_that_is_not_held_is_refused_with_the_folder(
    keyring: Make, stream_entry: KeyEntry, now: int
) -> None:
    ring = keyring()
    folder = str(ring.folder)
    kid = bytes(range(32))
    exchange = ring.create("exchange", "mlkem768-x25519", not_before=now, not_after=now + 1)
    missing = ("key_missing", folder)
    assert said(lambda: ring.signer(kid)) == missing
    assert said(lambda: ring.opener(kid)) == missing
    destroy = said(lambda: ring.destroy(kid, now=now, reason="x"))
    assert destroy == ("key_missing", folder)
    signing = said(lambda: ring.signer(exchange.kid))
    assert signing == ("key_missing", folder)
    opening = said(lambda: ring.opener(stream_entry.kid))
    assert opening == ("key_missing", folder)


def test_a_folder_that_is_not_there_is_no_lost_key(
    keyring: Make, stream_entry: KeyEntry, tmp_path: Path
) -> None:
    ring = keyring()
    folder = ring.folder
    folder.rename(tmp_path / "moved")
    assert said(lambda: ring.signer(stream_entry.kid)) == ("key_missing", str(folder))


def test_no_secret_and_two_secrets_are_refused_with_the_folder(keyring: Make, now: int) -> None:
    ring = keyring()
    assert said(ring.secret) == ("key_missing", str(ring.folder))
    for number in (1, 2):
        ring.create(
            "secret", "hmac-sha256", not_before=now, not_after=None, seed=bytes([number]) * 32
        )
        if number == 1:
            assert keyring().secret() == bytes([1]) * 32
    assert said(ring.secret) == ("key_unreadable", str(ring.folder))


def test_a_file_of_another_agency_is_named(keyring: Make, stream_entry: KeyEntry) -> None:
    path = file_of(keyring(), stream_entry)
    other = keyring(agency="beta")
    assert said(other.entries) == ("key_unreadable", str(path))


def test_a_full_disk_and_an_unreadable_file_are_refused_with_their_place(
    keyring: Make, stream_entry: KeyEntry, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = keyring()
    path = file_of(ring, stream_entry)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keyring_module, "write_durably", full)
    assert said(lambda: ring.destroy(stream_entry.kid, now=now, reason="x")) == (
        "key_unreadable",
        str(path),
    )
    assert path.exists()
    code, where = said(lambda: ring.create("receipt", "ed25519", not_before=now, not_after=now + 1))
    assert code == "key_unreadable"
    assert where is not None
    assert where.startswith(str(ring.folder / "receipt-"))
    monkeypatch.undo()
    path.unlink()
    path.mkdir()
    assert said(ring.entries) == ("key_unreadable", str(path))


def test_a_damaged_file_and_a_wrong_passphrase_are_two_things(
    keyring: Make, stream_entry: KeyEntry
) -> None:
    path = file_of(keyring(), stream_entry)
    assert said(lambda: keyring(b"wrong").signer(stream_entry.kid)) == (
        "passphrase_wrong",
        str(path),
    )
    path.write_bytes(b"{}")
    assert said(lambda: keyring().signer(stream_entry.kid)) == ("key_unreadable", str(path))


def resealed(file: KeyFile, encryption_key: bytes, inside: bytes, **changed: object) -> KeyFile:
    """The file with other content, in order otherwise."""
    file = file.model_copy(update=changed)
    sealed = AeadKey(encryption_key).seal(file.nonce, inside, file.aad)
    file = file.model_copy(update={"ciphertext": sealed})
    return file.model_copy(update={"checksum": file.expected_checksum()})


@pytest.mark.parametrize("lie", ["id", "public key", "length"])
def test_each_way_in_which_a_file_holds_another_key_is_noticed(
    keyring: Make, stream_entry: KeyEntry, lie: str
) -> None:
    ring = keyring()
    ring.signer(stream_entry.kid)
    path = file_of(ring, stream_entry)
    file = parse_keyfile(path.read_bytes(), "")
    (key,) = ring._encryption_keys.values()
    own = ring.signer(stream_entry.kid)
    if lie == "id":
        changed = resealed(file, key, sha256(b"another"), kid=file.kid)
    elif lie == "public key":
        changed = resealed(file, key, ring._seeds[own.kid], public=bytes(32))
    else:
        changed = resealed(file, key, ring._seeds[own.kid] + b"x")
    path.write_bytes(format_keyfile(changed))
    assert said(lambda: keyring().signer(stream_entry.kid)) == ("key_unreadable", str(path))


def test_a_key_file_has_at_most_64_kib(keyring: Make, stream_entry: KeyEntry) -> None:
    content = file_of(keyring(), stream_entry).read_bytes()
    padded = content.ljust(KEYFILE_LIMIT_BYTES)
    assert parse_keyfile(padded, "x").kid == stream_entry.kid
    with pytest.raises(KeyAccessError):
        parse_keyfile(padded + b" ", "x")


def test_a_long_key_file_is_read_to_one_byte_past_the_limit(
    keyring: Make, stream_entry: KeyEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = keyring()
    path = file_of(ring, stream_entry)
    path.write_bytes(path.read_bytes().ljust(KEYFILE_LIMIT_BYTES + 1))
    asked = watch_reading(monkeypatch)
    assert said(ring.entries)[0] == "key_unreadable"
    assert asked == [KEYFILE_LIMIT_BYTES + 1]


def test_a_key_is_opened_once_and_one_that_was_made_here_not_at_all(
    keyring: Make, stream_entry: KeyEntry, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[bytes] = []
    genuine = keyring_module.open_key

    def watched(file: KeyFile, *rest: object) -> bytes:
        opened.append(file.kid)
        return genuine(file, *rest)  # type: ignore[arg-type]  # what it was called with

    monkeypatch.setattr(keyring_module, "open_key", watched)
    ring = keyring()
    for _ in range(2):
        assert ring.signer(stream_entry.kid).public == stream_entry.public
    made = ring.create("receipt", "ed25519", not_before=now, not_after=now + DAY_MS)
    assert ring.signer(made.kid).public == made.public
    assert opened == [stream_entry.kid]


def test_a_file_that_is_being_written_is_not_read(keyring: Make, stream_entry: KeyEntry) -> None:
    ring = keyring()
    name = file_of(ring, stream_entry).name
    (ring.folder / f".{name}").write_bytes(b"half")
    assert ring.entries() == (stream_entry,)


def test_the_checksum_covers_the_salt_and_all_that_the_cipher_needs(now: int) -> None:
    file = seal_key(
        bytes(32),
        deployment="d",
        agency="a",
        role="receipt",
        algorithm="ed25519",
        not_before=now,
        not_after=None,
        encryption_key=bytes(32),
        salt=bytes(16),
    )
    assert file.aad == lp(
        b"concordant/1/keyfile",
        b"d",
        b"a",
        b"receipt",
        b"ed25519",
        file.kid,
        file.public,
        format_instant(now).encode(),
        b"",
    )
    assert file.checksum == sha256(
        lp(
            b"concordant/1/keyfile-checksum",
            file.aad,
            b"scrypt-131072-8-1",
            file.salt,
            file.nonce,
            file.ciphertext,
        )
    )


def test_a_key_file_is_json_for_people_with_every_field(now: int) -> None:
    file = seal_key(
        bytes(32),
        deployment="d",
        agency="a",
        role="receipt",
        algorithm="ed25519",
        not_before=now,
        not_after=now + DAY_MS,
        encryption_key=bytes(32),
        salt=bytes(16),
    )
    text = format_keyfile(file)
    assert text.startswith(b'{\n  "format": "concordant.key/v1",\n')
    assert text.endswith(b"\n}\n")
    written = json.loads(text)
    assert written["kdf"] == "scrypt-131072-8-1"
    assert (written["deployment"], written["agency"]) == ("d", "a")
    assert (written["role"], written["algorithm"]) == ("receipt", "ed25519")
    assert written["not_before"] == format_instant(now)
    assert written["not_after"] == format_instant(now + DAY_MS)
    assert written["salt"] == b64(bytes(16))


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": bytes(11)},
        {"nonce": bytes(13)},
        {"salt": bytes(15)},
        {"salt": bytes(17)},
        {"algorithm": "hmac-sha256"},
        {"role": "exchange"},
        {"role": "none"},
        {"kdf": "scrypt-65536-8-1"},  # cheaper to guess at than this version allows
        {"kdf": "scrypt-2097152-8-1"},  # 2 GiB to open
        {"kdf": "scrypt-131072-16-1"},
        {"kdf": "scrypt-131073-8-1"},
        {"kdf": "pbkdf2-131072-8-1"},
    ],
)
def test_lengths_and_algorithms_are_checked_beside_the_checksum(changed: dict[str, object]) -> None:
    file = seal_key(
        bytes(32),
        deployment="d",
        agency="a",
        role="receipt",
        algorithm="ed25519",
        not_before=0,
        not_after=None,
        encryption_key=bytes(32),
        salt=bytes(16),
    )
    assert parse_keyfile(format_keyfile(file), "x") == file
    other = file.model_copy(update=changed)
    other = other.model_copy(update={"checksum": other.expected_checksum()})
    with pytest.raises(KeyAccessError) as caught:
        parse_keyfile(format_keyfile(other), "x")
    assert caught.value.code == "key_unreadable"


# --- destruction ---------------------------------------------------------------------------------


def test_destroying_one_key_leaves_the_others_and_records_the_one(
    keyring: Make, stream_entry: KeyEntry, now: int
) -> None:
    ring = keyring()
    other = ring.create("receipt", "ed25519", not_before=now, not_after=now + DAY_MS)
    secret = ring.create("secret", "hmac-sha256", not_before=now, not_after=None)
    ring.destroy(stream_entry.kid, now=now + 5, reason="retention_over")
    assert [ring.holds(entry.kid) for entry in (stream_entry, other, secret)] == [
        False,
        True,
        True,
    ]
    folder = ring.folder / "destroyed"
    assert folder.stat().st_mode & 0o777 == 0o700
    record = folder / f"{stream_entry.kid.hex()}.json"
    assert record.stat().st_mode & 0o777 == 0o644
    assert record.read_bytes().startswith(b'{\n  "format"')
    assert record.read_bytes().endswith(b"\n}\n")
    assert json.loads(record.read_bytes()) == {
        "format": "concordant.destruction/v1",
        "kid": b64(stream_entry.kid),
        "role": "stream",
        "algorithm": "ed25519",
        "not_before": format_instant(stream_entry.not_before),
        "not_after": format_instant(stream_entry.not_before + DAY_MS),
        "destroyed": format_instant(now + 5),
        "reason": "retention_over",
    }
    ring.destroy(secret.kid, now=now + 5, reason="retention_over")
    assert json.loads((folder / f"{secret.kid.hex()}.json").read_bytes())["not_after"] is None


def test_a_destroyed_key_is_not_kept_in_memory_either(
    keyring: Make, stream_entry: KeyEntry, now: int
) -> None:
    ring = keyring()
    ring.signer(stream_entry.kid)
    content = file_of(ring, stream_entry).read_bytes()
    ring.destroy(stream_entry.kid, now=now, reason="retention_over")
    assert stream_entry.kid not in ring._seeds
    file_of(ring, stream_entry).write_bytes(content.replace(b"concordant.key", b"x"))
    with pytest.raises(KeyAccessError):
        ring.signer(stream_entry.kid)


# --- where keys are ------------------------------------------------------------------------------


def test_a_folder_beside_the_configuration_is_a_place_for_keys(tmp_path: Path, now: int) -> None:
    (tmp_path / "agency").mkdir()
    asked: list[int] = []

    def passphrase() -> bytes:
        asked.append(1)
        return b"correct"

    source = open_source(
        "file:my/keys", base=tmp_path / "agency", deployment="d", agency="a", passphrase=passphrase
    )
    assert not asked
    entry = source.create("receipt", "ed25519", not_before=now, not_after=now + DAY_MS)
    (path,) = (tmp_path / "agency" / "my" / "keys").glob("receipt-*")
    file = parse_keyfile(path.read_bytes(), "")
    assert (file.kid, file.deployment, file.agency) == (entry.kid, "d", "a")
    assert source.signer(entry.kid).public == entry.public
    assert asked == [1]


def test_another_scheme_is_refused(tmp_path: Path) -> None:
    for uri in ("vault:keys", "file:", "keysfile:"):
        with pytest.raises(ConfigError) as caught:
            open_source(uri, base=tmp_path, deployment="d", agency="a", passphrase=bytes)
        error = caught.value
        assert (error.code, error.where) == ("config_signer", "agency.toml [keys]")
