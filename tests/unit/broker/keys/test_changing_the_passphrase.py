"""Change of the passphrase of every key file: complete, resumed or refused."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.envelope.primitives import AeadKey, sha256
from broker.keys import keyring as keyring_module
from broker.keys.keyfile import KeyEntry, KeyFile, format_keyfile, parse_keyfile, seal_key
from broker.keys.keyring import Keyring, PassphraseChange
from contracts.durations import DAY_MS
from tests.unit.broker.keys.operator_view import said

Make = Callable[..., Keyring]
OLD, NEW = b"correct", b"another one"


@pytest.fixture
def three(keyring: Make, now: int) -> tuple[KeyEntry, ...]:
    """A key that signs, one that opens and the secret, in the order of their files."""
    ring = keyring()
    return (
        ring.create("exchange", "mlkem768-x25519", not_before=now, not_after=now + DAY_MS),
        ring.create("secret", "hmac-sha256", not_before=now, not_after=None),
        ring.create("stream", "ed25519", not_before=now, not_after=now + DAY_MS),
    )


def path_of(ring: Keyring, entry: KeyEntry) -> Path:
    return ring.folder / f"{entry.role}-{entry.kid.hex()}.key.json"


def files(ring: Keyring) -> list[KeyFile]:
    return [parse_keyfile(path.read_bytes(), "") for path in sorted(ring.folder.glob("*.json"))]


def contents(ring: Keyring) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in ring.folder.iterdir()}


def open_all(ring: Keyring, entries: tuple[KeyEntry, ...]) -> tuple[bytes, bytes, bytes]:
    exchange, _, stream = entries
    return ring.opener(exchange.kid).public, ring.secret(), ring.signer(stream.kid).sign(b"x")


def cut_short(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """The disk is full after some files."""
    write, written = keyring_module.write_durably, []

    def full(path: Path, content: bytes, *, mode: int) -> None:
        if len(written) == after:
            raise OSError(28, "No space left on device")
        written.append(path)
        write(path, content, mode=mode)

    monkeypatch.setattr(keyring_module, "write_durably", full)


def test_every_key_opens_with_the_new_one_only_and_is_the_same_key(
    keyring: Make, three: tuple[KeyEntry, ...]
) -> None:
    were, before = open_all(keyring(), three), files(keyring())
    assert keyring().change_passphrase(NEW) == PassphraseChange(changed=3, before=0)
    assert open_all(keyring(NEW), three) == were
    for entry in three:
        with_old = keyring(OLD)
        code, _ = said(lambda: with_old._seed(with_old._find(entry.kid)))  # noqa: B023 - called here
        assert code == "passphrase_wrong"
    after = files(keyring())
    assert [file.entry for file in after] == [file.entry for file in before]
    assert len({file.salt for file in after}) == 1  # stretched once per process, as before
    assert after[0].salt != before[0].salt
    assert {file.nonce for file in after}.isdisjoint(file.nonce for file in before)


def test_the_keyring_that_changed_it_continues_with_the_new_one(
    keyring: Make, three: tuple[KeyEntry, ...], now: int
) -> None:
    ring = keyring()
    ring.change_passphrase(NEW)
    made = ring.create("receipt", "ed25519", not_before=now, not_after=now + 1)
    assert keyring(NEW).signer(made.kid).public == made.public
    assert len({file.salt for file in files(ring)}) == 1


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
def test_a_file_keeps_its_mode_and_nothing_is_left_beside_it(
    keyring: Make, three: tuple[KeyEntry, ...], mode: int
) -> None:
    ring = keyring()
    names = sorted(path.name for path in ring.folder.iterdir())
    for entry in three:
        path_of(ring, entry).chmod(mode)
    ring.change_passphrase(NEW)
    assert {stat.S_IMODE(path.stat().st_mode) for path in ring.folder.iterdir()} == {mode}
    assert sorted(path.name for path in ring.folder.iterdir()) == names


@pytest.mark.parametrize("after", [0, 1, 2])
def test_cut_short_each_file_opens_with_one_of_them_and_the_next_time_finishes(
    keyring: Make,
    three: tuple[KeyEntry, ...],
    after: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    were = open_all(keyring(), three)
    cut_short(monkeypatch, after)
    assert said(lambda: keyring().change_passphrase(NEW)) == (
        "key_unreadable",
        str(path_of(keyring(), three[after])),
    )
    monkeypatch.undo()
    monkeypatch.setattr(
        keyring_module, "scrypt_key", lambda given, salt, cost: sha256(given + salt)
    )
    for number, entry in enumerate(three):
        ring = keyring(NEW if number < after else OLD)
        assert len(ring._seed(ring._find(entry.kid))) == 32
    assert keyring().change_passphrase(NEW) == PassphraseChange(3 - after, after)
    assert open_all(keyring(NEW), three) == were
    assert len({file.salt for file in files(keyring())}) == 1


def test_once_more_changes_nothing_with_either_in_use(
    keyring: Make, three: tuple[KeyEntry, ...]
) -> None:
    keyring().change_passphrase(NEW)
    written = contents(keyring())
    for used in (OLD, NEW, b"a third"):
        assert keyring(used).change_passphrase(NEW) == PassphraseChange(changed=0, before=3)
    assert contents(keyring()) == written


def test_a_file_that_neither_opens_is_named_before_any_is_written(
    keyring: Make, three: tuple[KeyEntry, ...]
) -> None:
    ring = keyring()
    last = path_of(ring, three[2])
    file = parse_keyfile(last.read_bytes(), "")
    strange = seal_key(
        sha256(b"a seed"),
        deployment=file.deployment,
        agency=file.agency,
        role="stream",
        algorithm="ed25519",
        not_before=file.not_before,
        not_after=file.not_after,
        encryption_key=sha256(b"a third passphrase"),
        salt=file.salt,
    )
    foreign = last.with_name(f"stream-{strange.kid.hex()}.key.json")
    foreign.write_bytes(format_keyfile(strange))
    written = contents(ring)
    assert said(lambda: ring.change_passphrase(NEW)) == ("passphrase_wrong", str(foreign))
    assert contents(ring) == written


@pytest.mark.parametrize("to", [OLD, NEW])
def test_a_damaged_file_stops_it_before_any_is_written(
    keyring: Make, three: tuple[KeyEntry, ...], to: bytes
) -> None:
    ring = keyring()
    last = path_of(ring, three[2])
    whole = parse_keyfile(last.read_bytes(), "")
    other = seal_key(
        sha256(b"another key"),
        deployment=whole.deployment,
        agency=whole.agency,
        role="stream",
        algorithm="ed25519",
        not_before=whole.not_before,
        not_after=whole.not_after,
        encryption_key=sha256(OLD + whole.salt),
        salt=whole.salt,
    )
    lying = other.model_copy(update={"kid": whole.kid, "public": whole.public})
    ciphertext = AeadKey(sha256(OLD + whole.salt)).seal(
        lying.nonce, sha256(b"another key"), lying.aad
    )
    lying = lying.model_copy(update={"ciphertext": ciphertext})
    lying = lying.model_copy(update={"checksum": lying.expected_checksum()})
    for content in (b"damaged", format_keyfile(lying)):  # the second holds another key than it says
        last.write_bytes(content)
        written = contents(ring)
        code, where = said(lambda: ring.change_passphrase(to))
        assert (code, where) == ("key_unreadable", str(last))
        assert contents(ring) == written


def test_a_folder_without_keys_has_no_passphrase_to_change(keyring: Make) -> None:
    ring = keyring()
    for made in (False, True):
        if made:
            ring.folder.mkdir()
        assert said(lambda: ring.change_passphrase(NEW)) == ("key_missing", str(ring.folder))


def test_each_passphrase_is_stretched_once_for_each_salt(
    keyring: Make, three: tuple[KeyEntry, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[bytes, bytes]] = []

    def stretch(given: bytes, salt: bytes, cost: int) -> bytes:
        calls.append((given, salt))
        return sha256(given + salt)

    monkeypatch.setattr(keyring_module, "scrypt_key", stretch)
    keyring().change_passphrase(NEW)
    assert sorted(given for given, _ in calls) == [NEW, NEW, OLD]
    calls.clear()
    keyring().change_passphrase(NEW)
    assert [given for given, _ in calls] == [NEW]


def test_records_of_destroyed_keys_and_a_folder_beside_are_left_alone(
    keyring: Make, three: tuple[KeyEntry, ...], now: int
) -> None:
    ring = keyring()
    ring.destroy(three[0].kid, now=now, reason="retention_over")
    governance = ring.folder / "governance"
    governance.mkdir()
    shutil.copy(path_of(ring, three[2]), governance)
    kept = {path: path.read_bytes() for path in ring.folder.glob("*/*")}
    assert ring.change_passphrase(NEW) == PassphraseChange(changed=2, before=0)
    assert {path: path.read_bytes() for path in ring.folder.glob("*/*")} == kept
