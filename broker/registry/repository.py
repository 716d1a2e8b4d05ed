"""Storage of contracts and manifests in an agency's directory.

Loading verifies everything again; stored files are not trusted. The highest seen manifest version
of every agency is stored with the manifest's hash, only after every check passed, so that neither
Kafka nor an old backup can bring back a replaced manifest (rollback). Input from Kafka takes the
same path: bytes in, verified, stored, and a new book out.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

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
from broker.registry.contract_files import note_path, shown_text_path, verify_beside
from broker.registry.contract_notes import CONTRACT_NOTE_LIMIT_BYTES
from broker.registry.contracts import SignedContract, verify_contract
from broker.registry.manifests import ManifestBook
from broker.registry.received_versions import read_received
from broker.registry.registry_records import (
    CompletionTimes,
    ManifestVersions,
    read_registry_file,
    registry_unwritable,
)
from contracts.bounded_file import READABLE_FIX
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
        self.versions = ManifestVersions(root)
        self.completions = CompletionTimes(root)
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
            completed=self.completions.read(),
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
        seen = self.versions.read()
        verified: list[VerifiedManifest] = []
        before = {} if known is None else {one.raw: one for one in known.all()}
        for path in _files(self.root / MANIFESTS_FOLDER, "*.note"):
            raw = read_registry_file(path, MANIFEST_FILE_LIMIT_BYTES)
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
        self.versions.require_nothing_lost(seen, book, contracts, self.root / MANIFESTS_FOLDER)
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
            self.versions.remember(extended)
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
        return self.completions.remember(book, now)

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
            if not path.exists() or read_registry_file(path, AGREEMENT_BYTES) == signed.text.raw:
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
            raise registry_unwritable(path, error) from None
        return True

    def write_notes(self, path: Path, signed: SignedContract) -> None:
        """Store the notes of a contract beside its file.

        Raises:
            RegistryError: code `registry_unwritable`.
        """
        for note in signed.notes:
            beside = note_path(path, note.signer)
            if (
                not beside.exists()
                or read_registry_file(beside, CONTRACT_NOTE_LIMIT_BYTES) != note.raw
            ):
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

    def _load_contract(self, path: Path, *, vocabulary_needed: bool = True) -> SignedContract:
        text = load_contract(path, self._documents, vocabulary_needed=vocabulary_needed)
        return verify_beside(text, path)

    def _parse(self, raw: bytes) -> ContractText:
        return parse_contract(raw, "a contract received", self._documents)

    @property
    def _documents(self) -> Documents:
        return Documents({}, (self.root / DOCUMENTS_FOLDER,))

    def _write(self, path: Path, content: bytes) -> None:
        try:
            make_private_folder(path.parent)
            write_durably(path, content)
        except OSError as error:
            raise registry_unwritable(path, error) from None


def manifest_name(verified: VerifiedManifest, *, with_delegation: bool = False) -> str:
    """Return the file name of a manifest: `AGENCY.VERSION.note`."""
    place = f".{verified.place[0]}" if with_delegation else ""
    return f"{verified.manifest.agency}.{verified.manifest.version}{place}.note"


def _text_of(path: Path) -> bytes:
    try:
        return sha256(parse_manifest(read_registry_file(path, MANIFEST_FILE_LIMIT_BYTES)).note.text)
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
