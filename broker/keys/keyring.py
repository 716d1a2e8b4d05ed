"""Keyring: an agency's private keys in a folder of encrypted files (spec: keys, "Storage").

A key is looked up by its id, which is part of the file name. So a command opens only the keys that
it needs, and a damaged file affects only a request for that key. All files share a salt: the key
derivation runs once per process. An exchange key's private half is destroyed when retention and
grace have passed; the record of the destruction is written before the key is removed.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from broker.envelope.primitives import WrapOpener, new_seed, random_bytes, scrypt_key
from broker.errors import ConfigError, KeyAccessError
from broker.keys.durable import (
    PUBLIC_MODE,
    SECRET_MODE,
    erase,
    files_in,
    make_private_folder,
    write_durably,
)
from broker.keys.keyfile import (
    KEYFILE_LIMIT_BYTES,
    SALT_BYTES,
    SCRYPT_COST,
    UNASSIGNED,
    KeyEntry,
    KeyFile,
    format_destruction,
    format_keyfile,
    open_key,
    opens,
    parse_keyfile,
    seal_key,
)
from broker.keys.kid import EXCHANGE, GOVERNANCE, SECRET
from broker.keys.signer import SIGNING_KEYS, SoftwareSigner
from broker.keys.token import SigningToken
from broker.keys.token_ring import TokenRing
from contracts.bounded_file import read_bounded

DESTROYED_FOLDER: Final = "destroyed"
FILE_SCHEME: Final = "file:"
_SUFFIX: Final = ".key.json"


@dataclass(frozen=True, slots=True)
class PassphraseChange:
    """Result of a change of passphrase.

    Attributes:
        changed: number of keys that were encrypted again.
        before: number of keys that already opened with the new passphrase.
    """

    changed: int
    before: int


def open_source(
    uri: str,
    *,
    base: Path,
    deployment: str,
    agency: str,
    passphrase: Callable[[], bytes],
    token: SigningToken | None = None,
    derive: DeriveKey | None = None,
) -> Keyring:
    """Return the keyring that a URI names; nothing is opened yet.

    Args:
        uri: `file:FOLDER`, relative to `base`.
        base: the agency's directory.
        deployment: the partnership's id.
        agency: the holder's id.
        passphrase: called at most once, and only when a private key is needed.
        token: token on which new stream and receipt keys of Ed25519 are made.
        derive: see ``Keyring``.

    Raises:
        ConfigError: code `config_signer`: no such scheme in this version.
    """
    folder = uri.removeprefix(FILE_SCHEME)
    if not uri.startswith(FILE_SCHEME) or not folder:
        raise ConfigError(
            "This version does not support the configured store of keys.",
            code="config_signer",
            where="agency.toml [keys]",
            fix='Use "file:FOLDER".',
        )
    return Keyring(
        base / folder,
        deployment=deployment,
        agency=agency,
        passphrase=passphrase,
        token=token,
        derive=derive,
    )


DeriveKey: TypeAlias = Callable[[bytes, bytes, int], bytes]
"""Derivation of an encryption key from passphrase, salt and cost."""


class Keyring:
    """The private keys of one agency that share a folder and a passphrase."""

    def __init__(
        self,
        folder: Path,
        *,
        deployment: str,
        agency: str,
        passphrase: Callable[[], bytes],
        token: SigningToken | None = None,
        derive: DeriveKey | None = None,
    ) -> None:
        """Store the settings; no file is opened yet.

        Args:
            folder: folder of the key files.
            deployment: the partnership's id; a file of another one is refused.
            agency: the holder's id; a file of another one is refused.
            passphrase: called at most once, and only when a private key is needed.
            token: token on which new stream and receipt keys of Ed25519 are made.
            derive: derives an encryption key from passphrase, salt and cost, in place of scrypt.
                For partnerships in memory whose keys protect nothing (`concordant.testing`).
        """
        self.folder = folder
        self._tokens = TokenRing(folder, deployment=deployment, agency=agency, token=token)
        self._deployment = deployment
        self._agency = agency
        self._passphrase = passphrase
        self._derive = derive
        self._encryption_keys: dict[tuple[bytes, int], bytes] = {}
        self._seeds: dict[bytes, bytes] = {}

    @property
    def token(self) -> SigningToken | None:
        """Return the token of the signing keys; None if they are in files."""
        return self._tokens.token

    def stay_unlocked(self, before: Keyring) -> None:
        """Take over what an earlier keyring of the same folder derived from its passphrase.

        A process that reads its files anew then needs no passphrase for keys that it could open:
        neither again 0.4 s of scrypt nor an answer of the store that keeps the passphrase. Files
        under another salt, which a new passphrase has, ask for theirs.
        """
        if before.folder == self.folder:
            self._encryption_keys.update(before._encryption_keys)
        former, token = before._tokens.token, self._tokens.token
        if former is not None and token is not None and former.uri == token.uri:
            self._tokens.token = former

    def entries(self) -> tuple[KeyEntry, ...]:
        """Return the public parts of all held keys, oldest first.

        Raises:
            KeyAccessError: code `key_unreadable`.
        """
        found = [self._read(path).entry for path in self._paths()] + self._tokens.entries()
        return tuple(sorted(found, key=lambda e: (e.not_before, e.kid)))

    def holds(self, kid: bytes) -> bool:
        """Return whether the private half is here; nothing is unlocked."""
        return any(path.is_file() for path in self._paths(kid)) or self._tokens.holds(kid)

    def signer(self, kid: bytes) -> SoftwareSigner:
        """Return the signing key with this id.

        Raises:
            KeyAccessError: any of its codes; `key_missing` also for a key that does not sign.
        """
        if self._tokens.holds(kid):
            return self._tokens.signer(kid)
        file = self._find(kid)
        if file.algorithm not in SIGNING_KEYS:
            raise self._missing("No signing key has this id.", kid)
        key = SIGNING_KEYS[file.algorithm](self._seed(file))
        return SoftwareSigner(file.kid, file.role, file.algorithm, key)

    def opener(self, kid: bytes) -> WrapOpener:
        """Return the exchange key with this id.

        Raises:
            KeyAccessError: any of its codes; `key_missing` also for a key of another role.
        """
        file = self._find(kid)
        if file.role != EXCHANGE:
            raise self._missing("No exchange key has this id.", kid)
        return WrapOpener(self._seed(file))

    def secret(self) -> bytes:
        """Return the 32-byte key from which event ids, pseudonyms and partitions are derived.

        Raises:
            KeyAccessError: any of its codes; `key_unreadable` also if there are two.
        """
        paths = [path for path in self._paths() if path.name.startswith(f"{SECRET}-")]
        if not paths:
            raise KeyAccessError(
                "The sender's secret is missing.",
                code="key_missing",
                where=str(self.folder),
                fix="Restore the file secret-*.key.json from a backup.",
            )
        if len(paths) > 1:
            raise KeyAccessError(
                "There are two sender's secrets, but all ids must come from one.",
                code="key_unreadable",
                where=str(self.folder),
                fix="Move the newer file out of the folder: the older secret made the ids.",
            )
        return self._seed(self._read(paths[0]))

    def governance_seed(self, kid: bytes) -> bytes:
        """Return the private half of a governance key, for a page of paper.

        Raises:
            KeyAccessError: any of its codes; `key_missing` also for a key of another role, which
                never leaves the keyring.
        """
        file = self._find(kid)
        if file.role != GOVERNANCE:
            raise self._missing("No governance key has this id.", kid)
        return self._seed(file)

    def create(
        self,
        role: str,
        algorithm: str,
        *,
        not_before: int,
        not_after: int | None,
        seed: bytes | None = None,
    ) -> KeyEntry:
        """Make a key and store it.

        Args:
            role: purpose of the key.
            algorithm: one of the role's algorithms.
            not_before: start of its validity, milliseconds.
            not_after: end of its validity, milliseconds, exclusive; None if it has none.
            seed: the private key, 32 bytes; a fresh one if not given.

        Raises:
            KeyAccessError: `passphrase_wrong` if the other keys have another passphrase, or
                `key_unreadable` if the folder cannot be written.
        """
        if seed is None and not_after is not None and self._tokens.makes(role, algorithm):
            return self._tokens.create(role, not_before=not_before, not_after=not_after)
        salt, cost = self._derivation()
        seed = new_seed() if seed is None else seed
        file = seal_key(
            seed,
            deployment=self._deployment,
            agency=self._agency,
            role=role,
            algorithm=algorithm,
            not_before=not_before,
            not_after=not_after,
            encryption_key=self._encryption_key(salt, cost),
            salt=salt,
            cost=cost,
        )
        path = self.folder / f"{role}-{file.kid.hex()}{_SUFFIX}"
        try:
            make_private_folder(self.folder)
            write_durably(path, format_keyfile(file), mode=SECRET_MODE)
        except OSError as error:
            raise self._unreadable("A key cannot be stored", path, error) from None
        self._seeds[file.kid] = seed
        return file.entry

    def destroy(self, kid: bytes, *, now: int, reason: str) -> None:
        """Destroy the private half and keep a record; a second call changes nothing.

        Args:
            kid: the key's id.
            now: milliseconds since the epoch.
            reason: a code, for example `retention_over`; never anything about a person.

        Raises:
            KeyAccessError: `key_missing` if it was never here, or `key_unreadable`.
        """
        record = self.folder / DESTROYED_FOLDER / f"{kid.hex()}.json"
        paths = self._paths(kid)
        if not paths:
            if record.exists():
                return
            raise self._missing("No key with this id is held.", kid)
        try:
            if not record.exists():  # the record exists if a crash came between it and the removal
                entry = self._read(paths[0]).entry
                make_private_folder(record.parent)
                write_durably(record, format_destruction(entry, now, reason), mode=PUBLIC_MODE)
            for path in paths:
                erase(path)
        except OSError as error:
            raise self._unreadable("A key cannot be destroyed", paths[0], error) from None
        self._seeds.pop(kid, None)

    def change_passphrase(self, new: bytes) -> PassphraseChange:
        """Encrypt every key file again under a new passphrase.

        Every file is opened before the first is written. They are replaced one by one, so at any
        time each file opens with one of the two passphrases. A second call completes an interrupted
        change, under the salt that was chosen then.

        Args:
            new: the new passphrase.

        Raises:
            KeyAccessError: `passphrase_wrong` if neither passphrase opens a file, `key_missing` if
                there is none, or `key_unreadable`.
        """
        derived: dict[tuple[bytes, int], bytes] = {}
        left: list[tuple[Path, KeyFile, bytes]] = []
        target, before = (random_bytes(SALT_BYTES), SCRYPT_COST), 0
        for path in self._paths():
            file = self._read(path)
            derivation = (file.salt, file.cost)
            if derivation not in derived:
                derived[derivation] = scrypt_key(new, *derivation)
            if opens(file, derived[derivation], str(path)):
                target, before = derivation, before + 1
            else:
                left.append((path, file, self._seed_before(file, path)))
        if not left and not before:
            raise KeyAccessError(
                "This folder holds no private key.",
                code="key_missing",
                where=str(self.folder),
                fix="Give the agency whose keys are here, or fetch its keys.",
            )
        key = derived[target] if before else scrypt_key(new, *target)
        self._encryption_keys[target] = key
        for path, file, seed in left:
            self._replace(path, file, seed, target, key)
        return PassphraseChange(len(left), before)

    def _paths(self, kid: bytes | None = None) -> list[Path]:
        pattern = f"*{_SUFFIX}" if kid is None else f"*-{kid.hex()}{_SUFFIX}"
        return [path for path in files_in(self.folder, pattern) if not path.name.startswith(".")]

    def _find(self, kid: bytes) -> KeyFile:
        for path in self._paths(kid):
            file = self._read(path)
            if file.kid == kid:
                return file
        raise self._missing("A private key is missing.", kid)

    def _read(self, path: Path) -> KeyFile:
        content = read_bounded(
            path, KEYFILE_LIMIT_BYTES, KeyAccessError, code="key_unreadable", what="key file"
        )
        file = parse_keyfile(content, str(path))
        # a key that was made before the first agreement stays this agency's
        deployments = (self._deployment, UNASSIGNED)
        if file.agency != self._agency or file.deployment not in deployments:
            raise KeyAccessError(
                "The key file belongs to another agency or deployment.",
                code="key_unreadable",
                where=str(path),
                fix=f"Keep only keys of {self._agency} in {self.folder}.",
            )
        return file

    def _seed(self, file: KeyFile) -> bytes:
        seed = self._seeds.get(file.kid)
        if seed is None:
            where = str(self.folder / f"{file.role}-{file.kid.hex()}{_SUFFIX}")
            seed = open_key(file, self._encryption_key(file.salt, file.cost), where)
            self._seeds[file.kid] = seed
        return seed

    def _seed_before(self, file: KeyFile, path: Path) -> bytes:
        """Return a key that only the present passphrase opens."""
        try:
            return self._seed(file)
        except KeyAccessError as error:
            if error.code != "passphrase_wrong":
                raise
        raise KeyAccessError(
            "Neither the present nor the new passphrase opens the key; no file was changed.",
            code="passphrase_wrong",
            where=str(path),
            fix="Put the passphrase of the key in the place that agency.toml names.",
        )

    def _replace(
        self, path: Path, file: KeyFile, seed: bytes, derivation: tuple[bytes, int], key: bytes
    ) -> None:
        salt, cost = derivation
        again = seal_key(
            seed,
            deployment=file.deployment,
            agency=file.agency,
            role=file.role,
            algorithm=file.algorithm,
            not_before=file.not_before,
            not_after=file.not_after,
            encryption_key=key,
            salt=salt,
            cost=cost,
        )
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            write_durably(path, format_keyfile(again), mode=mode)
        except OSError as error:
            raise self._unreadable("A key file cannot be replaced", path, error) from None

    def _encryption_key(self, salt: bytes, cost: int) -> bytes:
        key = self._encryption_keys.get((salt, cost))
        if key is None:
            key = (self._derive or scrypt_key)(self._passphrase(), salt, cost)
            self._encryption_keys[salt, cost] = key
        return key

    def _derivation(self) -> tuple[bytes, int]:
        """Return salt and scrypt cost of the folder, after a check of the passphrase."""
        for path in self._paths():
            file = self._read(path)
            self._seed(file)
            return file.salt, file.cost
        return random_bytes(SALT_BYTES), SCRYPT_COST

    def _missing(self, detail: str, kid: bytes) -> KeyAccessError:
        if not self.folder.is_dir():  # moved or not mounted: no key is lost
            return KeyAccessError(
                "The folder of the keys does not exist.",
                code="key_missing",
                where=str(self.folder),
                fix="Put the folder back, or set its path in agency.toml under [keys].",
            )
        return KeyAccessError(
            f"{detail} (id {kid.hex()[:16]})",
            code="key_missing",
            where=str(self.folder),
            fix="Restore the file, or bring the governance keys and replace every key: "
            "concordant keys renew --all --agency DIR",
        )

    def _unreadable(self, what: str, path: Path, error: OSError) -> KeyAccessError:
        return KeyAccessError(
            f"{what} ({error.strerror}).",
            code="key_unreadable",
            where=str(path),
            fix="Check the owner and the permissions of the folder and its files.",
        )
