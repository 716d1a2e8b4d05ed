"""Private keys at rest: what opens, what does not, and what the operator is told."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.envelope.primitives import b64, sha256
from broker.errors import ConfigError, KeyAccessError
from broker.keys import keyring as keyring_module
from broker.keys.keyfile import KeyEntry, format_keyfile, parse_keyfile, seal_key
from broker.keys.keyring import Keyring, open_source
from contracts.durations import DAY_MS

Make = Callable[..., Keyring]


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(KeyAccessError) as caught:
        act()
    assert caught.value.where
    assert caught.value.fix
    return caught.value.code


def file_of(ring: Keyring, entry: KeyEntry) -> Path:
    (path,) = ring.folder.glob(f"*{entry.kid.hex()}*")
    return path


def test_a_key_opens_again_with_the_passphrase(keyring: Make, stream_entry: KeyEntry) -> None:
    signer = keyring().signer(stream_entry.kid)
    assert signer.public == stream_entry.public
    assert (signer.role, signer.algorithm, signer.kid) == ("stream", "ed25519", stream_entry.kid)


def test_an_exchange_key_opens_again(keyring: Make, now: int) -> None:
    entry = keyring().create("exchange", "mlkem768-x25519", not_before=now, not_after=now + 1)
    assert keyring().opener(entry.kid).public == entry.public


def test_the_senders_secret_stays_the_same(keyring: Make, now: int) -> None:
    first = keyring()
    first.create("secret", "hmac-sha256", not_before=now, not_after=None)
    assert keyring().secret() == first.secret()
    assert len(first.secret()) == 32


def test_a_wrong_passphrase_is_told_from_a_damaged_file(
    keyring: Make, stream_entry: KeyEntry
) -> None:
    kid = stream_entry.kid
    assert code_of(lambda: keyring(b"wrong").signer(kid)) == "passphrase_wrong"
    path = file_of(keyring(), stream_entry)
    whole = path.read_bytes()
    document = json.loads(whole)
    for field in ("ciphertext", "nonce", "salt", "kid", "public", "checksum"):
        altered = {**document, field: b64(sha256(b"another"))}
        path.write_text(json.dumps(altered))
        assert code_of(lambda: keyring().signer(kid)) == "key_unreadable"
    for content in (b"", whole[:-40], b"\x00\xff" * 50, b"[]", b"x" * 100_000):
        path.write_bytes(content)
        assert code_of(lambda: keyring().signer(kid)) == "key_unreadable"


def test_metadata_edited_with_a_fitting_checksum_does_not_open(
    keyring: Make, stream_entry: KeyEntry
) -> None:
    path = file_of(keyring(), stream_entry)
    file = parse_keyfile(path.read_bytes(), "")
    later = file.model_copy(update={"not_after": stream_entry.not_before + 900 * DAY_MS})
    path.write_bytes(
        format_keyfile(later.model_copy(update={"checksum": later.expected_checksum()}))
    )
    assert code_of(lambda: keyring().signer(stream_entry.kid)) == "passphrase_wrong"


def test_a_file_that_holds_another_key_than_it_says_is_refused(
    keyring: Make, stream_entry: KeyEntry
) -> None:
    ring = keyring()
    ring.signer(stream_entry.kid)
    path = file_of(ring, stream_entry)
    file = parse_keyfile(path.read_bytes(), "")
    (encryption_key,) = ring._encryption_keys.values()
    other = seal_key(
        sha256(b"another key"),
        deployment=file.deployment,
        agency=file.agency,
        role=file.role,
        algorithm=file.algorithm,
        not_before=file.not_before,
        not_after=file.not_after,
        encryption_key=encryption_key,
        salt=file.salt,
    )
    from broker.envelope.primitives import AeadKey

    lying = other.model_copy(update={"kid": file.kid, "public": file.public})
    sealed = AeadKey(encryption_key).seal(lying.nonce, sha256(b"another key"), lying.aad)
    lying = lying.model_copy(update={"ciphertext": sealed})
    lying = lying.model_copy(update={"checksum": lying.expected_checksum()})
    path.write_bytes(format_keyfile(lying))
    assert code_of(lambda: keyring().signer(stream_entry.kid)) == "key_unreadable"


def test_a_missing_key_is_missing(keyring: Make, stream_entry: KeyEntry) -> None:
    assert code_of(lambda: keyring().signer(bytes(32))) == "key_missing"
    assert code_of(lambda: keyring().opener(stream_entry.kid)) == "key_missing"
    assert code_of(keyring().secret) == "key_missing"
    assert not keyring().holds(bytes(32))
    assert keyring().holds(stream_entry.kid)


def test_an_exchange_key_does_not_sign(keyring: Make, now: int) -> None:
    entry = keyring().create("exchange", "mlkem768-x25519", not_before=now, not_after=now + 1)
    assert code_of(lambda: keyring().signer(entry.kid)) == "key_missing"


def test_two_secrets_are_one_too_many(keyring: Make, now: int) -> None:
    for _ in range(2):
        keyring().create("secret", "hmac-sha256", not_before=now, not_after=None)
    assert code_of(keyring().secret) == "key_unreadable"


def test_a_file_of_another_agency_is_refused(keyring: Make, stream_entry: KeyEntry) -> None:
    ring = keyring(agency="beta")
    assert code_of(lambda: ring.signer(stream_entry.kid)) == "key_unreadable"


def test_a_file_that_cannot_be_read_is_unreadable(keyring: Make, stream_entry: KeyEntry) -> None:
    path = file_of(keyring(), stream_entry)
    path.unlink()
    path.mkdir()
    assert code_of(lambda: keyring().signer(stream_entry.kid)) == "key_unreadable"


def test_a_damaged_key_does_not_stand_in_the_way_of_another(
    keyring: Make, stream_entry: KeyEntry, now: int
) -> None:
    other = keyring().create("receipt", "ed25519", not_before=now, not_after=now + 1)
    file_of(keyring(), other).write_bytes(b"damaged")
    keyring().signer(stream_entry.kid)
    assert code_of(keyring().entries) == "key_unreadable"


def test_listing_needs_no_passphrase_and_one_command_stretches_it_once(
    keyring: Make, stream_entry: KeyEntry, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring().create("exchange", "mlkem768-x25519", not_before=now, not_after=now + 1)
    keyring().create("secret", "hmac-sha256", not_before=now, not_after=None)
    calls: list[bytes] = []
    stretch = keyring_module.scrypt_key
    monkeypatch.setattr(
        keyring_module, "scrypt_key", lambda p, s, c: calls.append(s) or stretch(p, s, c)
    )
    ring = keyring()
    entries = ring.entries()
    assert not calls
    for entry in entries:
        if entry.role == "stream":
            ring.signer(entry.kid)
        elif entry.role == "exchange":
            ring.opener(entry.kid)
    ring.secret()
    assert len(calls) == 1


def test_a_key_made_under_another_passphrase_is_refused(
    keyring: Make, stream_entry: KeyEntry, now: int
) -> None:
    ring = keyring(b"another")
    act = lambda: ring.create("receipt", "ed25519", not_before=now, not_after=now + 1)  # noqa: E731 - passed on twice
    assert code_of(act) == "passphrase_wrong"
    assert code_of(act) == "passphrase_wrong"
    assert [entry.role for entry in keyring().entries()] == ["stream"]


def test_files_are_the_users_alone_and_hold_no_private_key(
    keyring: Make, stream_entry: KeyEntry
) -> None:
    ring = keyring()
    path = file_of(ring, stream_entry)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(ring.folder.stat().st_mode) == 0o700
    seed = ring._seed(parse_keyfile(path.read_bytes(), ""))
    assert b64(seed).encode() not in path.read_bytes()
    assert seed.hex().encode() not in path.read_bytes()
    assert not list(ring.folder.glob(".*"))


def test_a_destroyed_key_leaves_a_record_and_nothing_else(
    keyring: Make, stream_entry: KeyEntry, now: int
) -> None:
    ring = keyring()
    ring.signer(stream_entry.kid)
    ring.destroy(stream_entry.kid, now=now, reason="retention_over")
    assert not ring.holds(stream_entry.kid)
    assert code_of(lambda: ring.signer(stream_entry.kid)) == "key_missing"
    (record,) = (ring.folder / "destroyed").iterdir()
    written = json.loads(record.read_bytes())
    assert written["kid"] == b64(stream_entry.kid)
    assert (written["role"], written["reason"]) == ("stream", "retention_over")
    ring.destroy(stream_entry.kid, now=now + 1, reason="retention_over")
    assert json.loads(record.read_bytes()) == written


def test_a_destruction_cut_short_is_finished_the_next_time(
    keyring: Make, stream_entry: KeyEntry, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = keyring()
    path = file_of(ring, stream_entry)

    def crash(_path: Path) -> None:
        path.write_bytes(b"half overwritten")
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(keyring_module, "erase", crash)
    destroy = lambda: keyring().destroy(stream_entry.kid, now=now, reason="retention_over")  # noqa: E731 - called twice
    assert code_of(destroy) == "key_unreadable"
    monkeypatch.undo()
    destroy()
    assert not path.exists()


def test_destroying_what_never_was_is_an_error(keyring: Make, now: int) -> None:
    assert code_of(lambda: keyring().destroy(bytes(32), now=now, reason="x")) == "key_missing"


def test_a_folder_that_cannot_be_written_is_said_so(keyring: Make, now: int) -> None:
    ring = keyring()
    ring.folder.write_text("a file where the folder should be")
    act = lambda: ring.create("receipt", "ed25519", not_before=now, not_after=now + 1)  # noqa: E731 - one act
    assert code_of(act) == "key_unreadable"


@pytest.mark.parametrize("uri", ["pkcs11:token=x", "vault:x", "file:", "keys", ""])
def test_a_place_for_keys_that_this_version_lacks_is_refused(uri: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        open_source(uri, base=tmp_path, deployment="d", agency="a", passphrase=bytes)
    assert caught.value.code == "config_signer"
