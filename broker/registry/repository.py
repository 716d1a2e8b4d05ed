"""Storage of contracts and manifests in an agency's directory.

Loading verifies everything again; stored files are not trusted. The highest seen manifest version
of every agency is stored with the manifest's hash, only after every check passed, so that neither
Kafka nor an old backup can bring back a replaced manifest (rollback). Input from Kafka takes the
same path: bytes in, verified, stored, and a new book out.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson

from broker.envelope.primitives import sha256
from broker.errors import ManifestError, RegistryError
from broker.keys.durable import files_in, make_private_folder, write_durably
from broker.keys.manifest import (
    MANIFEST_FILE_LIMIT_BYTES,
    VerifiedManifest,
    parse_manifest,
    verify_manifest,
)
from broker.registry.contract_book import ContractBook
from broker.registry.contract_notes import CONTRACT_NOTE_LIMIT_BYTES, signer_name
from broker.registry.contracts import SignedContract, verify_contract, verify_named
from broker.registry.manifests import ManifestBook
from broker.registry.received_versions import read_received
from broker.strict_json import parse_strict_json
from contracts.bounded_file import READABLE_FIX, read_bounded
from contracts.errors import ContractError
from contracts.loading import (
    AGREEMENT_BYTES,
    DOCUMENTS_FOLDER,
    ContractText,
    load_contract,
    parse_contract,
)
from contracts.vocabulary.known import Documents

CONTRACTS_FOLDER: Final = "contracts"
OTHERS_FOLDER: Final = "contracts/others"
"""Versions without this agency that replace one which it has signed."""
WITHOUT_US_FOLDER: Final = "contracts/without-us"
"""Texts of versions from before this agency joined. They show that it was no party of them."""
MANIFESTS_FOLDER: Final = "manifests"
CONFLICTS_FOLDER: Final = "manifests/conflicts"
"""Second texts of one version, as evidence; no reader believes them."""
CONFLICTS_LIMIT: Final = 16
"""Maximum number of files of one agency there."""
VERSIONS_FILE: Final = "state/manifest-versions.json"
COMPLETED_FILE: Final = "state/contracts-complete.json"
"""Time at which this agency first held every note of a contract, by its hash."""
_VERSIONS_LIMIT_BYTES: Final = 1024 * 1024
Seen = tuple[tuple[int, int], str]
"""Highest place of an agency's manifests, and the hash of that one's text."""
_NEVER: Final[Seen] = ((0, 0), "")
_READ_ONLY: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class Repository:
    """The contract and manifest files in one agency's directory."""

    def __init__(
        self,
        root: Path,
        *,
        deployment: str,
        agency: str,
        fingerprints: tuple[str, ...],
        former: tuple[tuple[str, ...], ...] = (),
    ) -> None:
        """Store the settings; nothing is read yet.

        Args:
            root: the agency's directory.
            deployment: the partnership's id.
            agency: this agency's id.
            fingerprints: ids of this agency's own governance keys, base64.
            former: ids of replaced governance keys.
        """
        self.root = root
        self._deployment = deployment
        self._agency = agency
        self._fingerprints = fingerprints
        self._former = former

    def load_contracts(self) -> ContractBook:
        """Load every contract in `contracts/` and verify its signatures.

        Raises:
            ContractError: a contract cannot be read or is not one.
            RegistryError: a signature or a statement is wrong, or a contract is not ours.
        """
        paths = _files(self.root / CONTRACTS_FOLDER, "*.yaml")
        return ContractBook(
            deployment=self._deployment,
            agency=self._agency,
            fingerprints=self._fingerprints,
            former=self._former,
            contracts=[self._load_contract(path) for path in paths],
            others=[
                self._load_contract(path, vocabulary_needed=False)  # parties and notes are enough
                for path in _files(self.root / OTHERS_FOLDER, "*.yaml")
            ],
            completed=self._completed(),
            received=read_received(self.root),
        )

    def load_manifests(
        self, contracts: ContractBook, now: int, known: ManifestBook | None = None
    ) -> ManifestBook:
        """Load every manifest in `manifests/` of an agency that a contract of ours pins.

        Args:
            contracts: whose governance keys are trusted.
            now: milliseconds since the epoch.
            known: manifests that this process has verified; a file with the same bytes is not
                verified again while its governance keys are still pinned.

        Raises:
            ManifestError: one is damaged or refused, or the newest known one of an agency is
                missing (`manifest_rollback`).
        """
        # Read this before the files: a concurrent adapter stores a manifest first, then its
        # version.
        seen = self._versions()
        verified: list[VerifiedManifest] = []
        before = {} if known is None else {one.raw: one for one in known.all()}
        for path in _files(self.root / MANIFESTS_FOLDER, "*.note"):
            raw = _read(path, MANIFEST_FILE_LIMIT_BYTES)
            same = before.get(raw)
            if same and same.delegation.governance in contracts.governance_of(same.manifest.agency):
                verified.append(same)
                continue
            signed = parse_manifest(raw, str(path))
            governance = contracts.governance_of(signed.manifest.agency)
            if governance:  # otherwise it is of an agency that no contract of ours names
                verified.append(
                    verify_manifest(
                        signed,
                        governance,
                        deployment=self._deployment,
                        now=now,
                        where=str(path),
                    )
                )
        book = ManifestBook(self._deployment, verified)
        self._require_nothing_lost(seen, book, contracts)
        return book

    def store_manifest(
        self, raw: bytes, contracts: ContractBook, book: ManifestBook, now: int
    ) -> ManifestBook:
        """Verify a manifest from any source, store it, then record its version as the highest.

        Args:
            raw: the note's bytes.
            contracts: whose governance keys are trusted.
            book: the manifests known so far.
            now: milliseconds since the epoch.

        Returns:
            The book with it; the same book if it was known.

        Raises:
            ManifestError: it is refused; nothing was stored.
            RegistryError: code `registry_unwritable`.
        """
        signed = parse_manifest(raw)
        verified = verify_manifest(
            signed,
            contracts.governance_of(signed.manifest.agency),
            deployment=self._deployment,
            now=now,
        )
        try:
            extended = book.adding(verified)
        except ManifestError as error:
            if error.code == "manifest_conflict":
                self._keep_conflict(verified)
            raise
        if extended is not book:
            self.write_manifest(verified)
            self.remember(extended)
        return extended

    def write_manifest(self, verified: VerifiedManifest) -> Path:
        """Store a verified manifest with its delegation; never overwrite another one.

        Returns:
            The path of the file.

        Raises:
            RegistryError: code `registry_unwritable`.
        """
        folder = self.root / MANIFESTS_FOLDER
        path = folder / manifest_name(verified)
        if path.exists() and _text_of(path) != verified.hash:
            # another delegation has a manifest of this version
            path = folder / manifest_name(verified, with_delegation=True)
        self._write(path, verified.raw)
        return path

    def _keep_conflict(self, verified: VerifiedManifest) -> None:
        folder = self.root / CONFLICTS_FOLDER
        agency = verified.manifest.agency
        kept = _files(folder, f"{agency}.*.note")
        path = folder / f"{agency}.{verified.manifest.version}.{verified.hash.hex()[:16]}.note"
        if path not in kept and len(kept) < CONFLICTS_LIMIT:
            self._write(path, verified.raw)

    def store_contract(
        self, raw: bytes, note: bytes, contracts: ContractBook, now: int
    ) -> ContractBook:
        """Store a contract, or a party's signature under a known one, from any source.

        Args:
            raw: the contract file's exact bytes.
            note: the note of one party.
            contracts: the contracts known so far.
            now: milliseconds since the epoch.

        Returns:
            The book with it.

        Raises:
            ContractError: it is not a contract.
            RegistryError: it is refused; `contract_unsigned` also if this agency has not signed it:
                people read and sign a proposal; it is not taken from Kafka.
        """
        held = contracts.held(sha256(raw))
        text = held.text if held is not None else self._parse(raw)
        signed = verify_contract(text, [note])
        if text.contract.party(self._agency) is None:
            return self.store_other(signed, contracts)
        if held is not None:
            signed = held.with_notes(signed.notes)
        if self._agency not in signed.parties:
            raise RegistryError(
                f"The contract {text.contract.name} {text.contract.version} is not signed by us.",
                code="contract_unsigned",
                fix="Read it, then sign it with: concordant contract sign",
            )
        book = contracts.adding(signed)
        self.write_contract(signed)
        return self.remember_complete(book, now)

    def store_other(self, signed: SignedContract, contracts: ContractBook) -> ContractBook:
        """Store a version without this agency, if one of its notes parts a party from us.

        Returns:
            The book with it; the same book if it has nothing new.

        Raises:
            RegistryError: `contract_foreign`, `registry_unwritable`.
        """
        book = contracts.adding_other(signed)
        before, after = (
            {one.hash: (len(one.notes), one.notes) for one in each.others()}
            for each in (contracts, book)
        )
        if before == after:
            return contracts
        path = self.root / OTHERS_FOLDER / f"{signed.hash.hex()}.yaml"
        if not path.exists():
            self._write(path, signed.text.raw)
        for one in book.others():
            if one.hash == signed.hash:
                self.write_notes(path, one)
        return book

    def keep_without_us(self, text: ContractText) -> None:
        """Store the text of a version that does not name this agency, to know it by its hash.

        Raises:
            RegistryError: code `registry_unwritable`.
        """
        path = self.root / WITHOUT_US_FOLDER / f"{text.hash.hex()}.yaml"
        if not path.exists():
            self._write(path, text.raw)

    def without_us(self, hashes: Iterable[bytes]) -> frozenset[bytes]:
        """Return those of some versions whose stored text does not name this agency.

        The hash proves the text, so no signature is needed.

        Raises:
            ContractError: a text is damaged.
            RegistryError: ``registry_unreadable``.
        """
        found: set[bytes] = set()
        for one in hashes:
            path = self.root / WITHOUT_US_FOLDER / f"{one.hex()}.yaml"
            if path.exists():
                text = load_contract(path, vocabulary_needed=False)
                if text.hash == one and text.contract.party(self._agency) is None:
                    found.add(one)
        return frozenset(found)

    def texts_without_us(self) -> list[ContractText]:
        """Return every stored text of a version that does not name this agency, but no damaged one.

        Raises:
            RegistryError: ``registry_unreadable``: the folder cannot be read.
        """
        found: list[ContractText] = []
        for path in _files(self.root / WITHOUT_US_FOLDER, "*.yaml"):
            with suppress(ContractError):
                found.append(load_contract(path, vocabulary_needed=False))
        return found

    def remember_complete(self, contracts: ContractBook, now: int) -> ContractBook:
        """Store the time for each contract whose notes are complete for the first time.

        A directory that cannot be written stays usable: the time is then that of its effect.

        Args:
            contracts: the contracts of this agency.
            now: milliseconds since the epoch.

        Returns:
            The book with these times.

        Raises:
            RegistryError: code `registry_unwritable`, or the file of times is damaged.
        """
        new = {
            one.hash: now
            for one in contracts.trusted()
            if one.contract.previous and not one.missing and one.hash not in contracts.completed
        }
        if not new:
            return contracts
        contracts.completed.update(new)
        path = self.root / COMPLETED_FILE
        document = {one.hex(): at for one, at in sorted(contracts.completed.items())}
        try:
            make_private_folder(path.parent)
            write_durably(path, orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
        except OSError as error:
            if error.errno not in _READ_ONLY:
                raise _unwritable(path, error) from None
        return contracts

    def _completed(self) -> dict[bytes, int]:
        path = self.root / COMPLETED_FILE
        if not path.exists():
            return {}
        try:
            document: Any = parse_strict_json(_read(path, _VERSIONS_LIMIT_BYTES))
            return {bytes.fromhex(one): int(at) for one, at in document.items()}
        except (ValueError, TypeError, AttributeError):
            raise RegistryError(
                "The record of complete contracts is damaged.",
                code="registry_invalid",
                where=str(path),
                fix="Restore it from a backup.",
            ) from None

    def write_contract(self, signed: SignedContract) -> Path:
        """Store a contract and its signatures, each in a file that names its agency.

        Never overwrite a contract of the same name with other bytes.

        Returns:
            The path of the contract.

        Raises:
            RegistryError: code `registry_unwritable`.
        """
        received = self.received_path(signed)
        path = received if received.exists() else self._free_path(signed)
        if not path.exists():
            self._write(path, signed.text.raw)
        self.write_notes(path, signed)
        return path

    def _free_path(self, signed: SignedContract) -> Path:
        contract = signed.contract
        for stem in (contract.name, f"{contract.name}-{contract.version}"):
            path = self.root / CONTRACTS_FOLDER / f"{stem}.yaml"
            if not path.exists() or _read(path, AGREEMENT_BYTES) == signed.text.raw:
                return path
        raise RegistryError(
            f"Another text of {contract.name} {contract.version} already exists here.",
            code="contract_ambiguous",
            where=str(path),
            fix="Two texts with one version: ask the other parties which one they signed.",
        )

    def received_path(self, signed: SignedContract) -> Path:
        """Return the file of a version that came over Kafka: its name has the hash.

        So a text of one party never takes the name that the text of another party needs.
        """
        contract = signed.contract
        name = f"{contract.name}-{contract.version}-{signed.hash.hex()[:16]}.yaml"
        return self.root / CONTRACTS_FOLDER / name

    def write_received(self, signed: SignedContract) -> Path:
        """Store a version that came over Kafka with its signatures.

        Returns:
            The path of the contract.

        Raises:
            RegistryError: code `registry_unwritable`.
        """
        path = self.received_path(signed)
        if not path.exists():
            self._write(path, signed.text.raw)
        self.write_notes(path, signed)
        return path

    def remove_received(self, signed: SignedContract) -> bool:
        """Delete the files of a version that came over Kafka, unless this agency has signed it.

        Returns:
            Whether they were deleted.

        Raises:
            RegistryError: code `registry_unwritable`.
        """
        path = self.received_path(signed)
        if note_path(path, self._agency).exists():  # signed a moment ago, by a command
            return False
        try:
            for party in signed.contract.parties:
                note_path(path, party.id).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(path, error) from None
        return True

    def write_notes(self, path: Path, signed: SignedContract) -> None:
        """Store the notes of a contract beside its file.

        Raises:
            RegistryError: code `registry_unwritable`.
        """
        for note in signed.notes:
            beside = note_path(path, note.signer)
            if not beside.exists() or _read(beside, CONTRACT_NOTE_LIMIT_BYTES) != note.raw:
                self._write(beside, note.raw)

    def write_shown(self, path: Path, signer: str, shown: str) -> Path:
        """Store the text that was shown to a signatory, beside the note.

        Args:
            path: the contract's file.
            signer: the agency that signs, or `AGENCY.OFFICER`.
            shown: the text.

        Raises:
            RegistryError: code `registry_unwritable`.
        """
        beside = shown_text_path(path, signer)
        self._write(beside, shown.encode())
        return beside

    def remember(self, book: ManifestBook) -> None:
        """Store the highest manifest version of every agency, unless it is already stored.

        A directory that cannot be written, such as an auditor's copy, stays usable. Its protection
        against a rollback is then that of the last successful write.

        Raises:
            RegistryError: code `registry_unwritable`, or the file of versions is damaged.
        """
        seen = self._versions()
        before = dict(seen)
        for agency in book.agencies():
            newest = book.newest_verified(agency)
            if newest is not None and newest.place > seen.get(agency, _NEVER)[0]:
                seen[agency] = (newest.place, newest.hash.hex())
        if seen == before:
            return
        document = {
            agency: {"delegation": place[0], "version": place[1], "sha256": digest}
            for agency, (place, digest) in sorted(seen.items())
        }
        path = self.root / VERSIONS_FILE
        try:
            make_private_folder(path.parent)
            write_durably(path, orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
        except OSError as error:
            if error.errno not in _READ_ONLY:
                raise _unwritable(path, error) from None

    def highest_place(self, agency: str) -> tuple[int, int] | None:
        """Return the highest place of an agency's manifests that was ever stored here.

        Another process may have stored it since the manifests were loaded.

        Raises:
            RegistryError: the file of versions is damaged.
        """
        seen = self._versions().get(agency)
        return None if seen is None else seen[0]

    def _load_contract(self, path: Path, *, vocabulary_needed: bool = True) -> SignedContract:
        text = load_contract(path, self._documents, vocabulary_needed=vocabulary_needed)
        return verify_beside(text, path)

    def _parse(self, raw: bytes) -> ContractText:
        return parse_contract(raw, "a contract received", self._documents)

    @property
    def _documents(self) -> Documents:
        return Documents({}, (self.root / DOCUMENTS_FOLDER,))

    def _versions(self) -> dict[str, Seen]:
        path = self.root / VERSIONS_FILE
        if not path.exists():
            return {}
        try:
            document: Any = parse_strict_json(_read(path, _VERSIONS_LIMIT_BYTES))
            return {
                str(a): ((int(e["delegation"]), int(e["version"])), str(e["sha256"]))
                for a, e in document.items()
            }
        except (ValueError, TypeError, KeyError, AttributeError):
            raise RegistryError(
                "The record of manifest versions is damaged.",
                code="registry_invalid",
                where=str(path),
                fix="Restore it from a backup. Without it an old manifest could come back unseen.",
            ) from None

    def _require_nothing_lost(
        self, seen: Mapping[str, Seen], book: ManifestBook, contracts: ContractBook
    ) -> None:
        for agency, (place, digest) in seen.items():
            if not contracts.governance_of(agency):
                continue
            version = place[1]
            same = [one for one in book.history(agency) if one.place == place]
            if same and same[0].hash.hex() != digest:
                raise ManifestError(
                    f"The manifest of {agency}, version {version}, differs from the one seen "
                    "before.",
                    code="manifest_conflict",
                    where=str(self.root / MANIFESTS_FOLDER),
                    fix=f"Keep both as evidence and ask {agency}.",
                )
            newest = book.newest_verified(agency)
            if newest is None or newest.place < place:
                raise ManifestError(
                    f"The newest known manifest of {agency}, version {version}, is missing.",
                    code="manifest_rollback",
                    where=str(self.root / MANIFESTS_FOLDER),
                    fix=f"Restore {agency}.{version}.note, or ask {agency} for it.",
                )

    def _write(self, path: Path, content: bytes) -> None:
        try:
            make_private_folder(path.parent)
            write_durably(path, content)
        except OSError as error:
            raise _unwritable(path, error) from None


def manifest_name(verified: VerifiedManifest, *, with_delegation: bool = False) -> str:
    """Return the file name of a manifest: `AGENCY.VERSION.note`."""
    place = f".{verified.place[0]}" if with_delegation else ""
    return f"{verified.manifest.agency}.{verified.manifest.version}{place}.note"


def _text_of(path: Path) -> bytes:
    try:
        return sha256(parse_manifest(_read(path, MANIFEST_FILE_LIMIT_BYTES)).note.text)
    except ManifestError:
        return b""  # damaged: write beside it


def _files(folder: Path, pattern: str) -> list[Path]:
    try:
        return files_in(folder, pattern)
    except OSError as error:
        raise RegistryError(
            f"The folder cannot be read ({error.strerror}).",
            code="registry_unreadable",
            where=str(folder),
            fix=READABLE_FIX,
        ) from None


def note_path(contract: Path, signer: str) -> Path:
    """Return the file of a note beside a contract's file; `signer` as in `ContractNote`."""
    return contract.with_suffix(f".{signer}.note")


def shown_text_path(contract: Path, signer: str) -> Path:
    """Return the file of the text that was shown to a signatory; `signer` as in `ContractNote`."""
    return contract.with_suffix(f".{signer}.shown.txt")


def verify_beside(text: ContractText, path: Path) -> SignedContract:
    """Verify the notes of a contract's parties that are beside its file.

    Raises:
        RegistryError: a signature is wrong, or is in the file of another party.
    """
    signers = [
        signer_name(party.id, officer)
        for party in text.contract.parties
        if party.id in text.contract.governance_keys
        for officer in text.contract.governance_keys[party.id].pairs
    ]
    beside = [(signer, note_path(path, signer)) for signer in signers]
    return verify_named(
        text, ((signer, read_note(file), str(file)) for signer, file in beside if file.exists())
    )


def read_note(path: Path) -> bytes:
    """Read a note, at most one byte more than allowed, so that its parser sees an excess.

    Raises:
        RegistryError: ``registry_unreadable``.
    """
    return _read(path, CONTRACT_NOTE_LIMIT_BYTES)


def _read(path: Path, limit: int) -> bytes:
    """Read at most one byte more than the limit, so that a parser sees an excess."""
    return read_bounded(path, limit, RegistryError, code="registry_unreadable")


def _unwritable(path: Path, error: OSError) -> RegistryError:
    return RegistryError(
        f"A file cannot be written ({error.strerror}).",
        code="registry_unwritable",
        where=str(path),
        fix="Check the free space, the owner and the permissions of the folder.",
    )
