"""Reader in a setting of the test vectors: a `FileContext` from a folder (tests/vectors/README).

Nothing here belongs to an agency: keys are seeds that the folder publishes, and nothing is
unlocked, logged or stored. Files that do not verify are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from broker.envelope.primitives import SEED_BYTES, WrapOpener
from broker.errors import ConfigError, ManifestError, NoteError, RefusedError, RegistryError
from broker.judging.file_context import FileContext
from broker.judging.key_resolver import KeyResolver, OpeningKeys, Trust
from broker.keys.governance import GovernancePublic
from broker.keys.keyfile import Base64
from broker.keys.kid import EXCHANGE, XWING, kid
from broker.keys.manifest import SignedManifest, parse_manifest, verify_manifest
from broker.registry.contract_book import ContractBook
from broker.registry.contracts import SignedContract, verify_contract
from broker.registry.manifests import ManifestBook
from broker.statements.receipts import parse_receipt
from broker.tlog.cosignature import SignedCheckpoint, verify_cosignature
from contracts.errors import ContractError
from contracts.loading import DOCUMENTS_FOLDER, ContractText, parse_contract
from contracts.vocabulary.known import Documents

SETTING_FILE: Final = "setting.json"

Seed = Annotated[Base64, Field(min_length=SEED_BYTES, max_length=SEED_BYTES)]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Governance(_Document):
    ed25519: Base64
    ml_dsa_65: Base64 = Field(alias="ml-dsa-65")


class _Agency(_Document):
    governance: _Governance
    exchange_seeds: tuple[Seed, ...] = Field(strict=False)


class _Setting(_Document):
    deployment: str
    agencies: dict[str, _Agency]


class PublishedSeeds:
    """The exchange keys whose seeds a setting publishes, by key id."""

    def __init__(self, seeds: tuple[bytes, ...]) -> None:
        openers = [WrapOpener(seed) for seed in seeds]
        self._by_kid = {kid(EXCHANGE, XWING, opener.public): opener for opener in openers}

    def holds(self, key: bytes) -> bool:
        """Return whether the seed of this key is in the setting."""
        return key in self._by_kid

    def opener(self, key: bytes) -> WrapOpener:
        """Return the key with this id."""
        return self._by_kid[key]


@dataclass(frozen=True, slots=True)
class SettingReader:
    """Trusted contracts and keys of one agency in a setting; `view` makes a new context."""

    deployment: str
    agency: str
    resolver: KeyResolver
    seeds: PublishedSeeds
    receipts: tuple[tuple[bytes, SignedCheckpoint], ...]

    def context(self, now: int) -> FileContext:
        """Return a context that has seen no record; `now` in ms."""
        manifests = self.resolver.manifests
        keys = OpeningKeys(self.agency, manifests, self.seeds)  # type: ignore[arg-type]  # it asks for no more
        return FileContext(Trust(self.resolver, keys), self._receipts, now)

    def _receipts(
        self, origin: str, index: int, before: int, among: frozenset[str] | None = None
    ) -> list[tuple[int, bytes]]:
        return sorted(
            (receipt.checkpoint.size, receipt.checkpoint.root)
            for raw, receipt in self.receipts
            if receipt.checkpoint.origin == origin
            and receipt.checkpoint.size > index
            and self.resolver.receipt_believed(raw, before, among)
        )


def load_setting(folder: Path, agency: str) -> SettingReader:
    """Return the reader that a setting's folder describes.

    Args:
        folder: `settings/<name>`.
        agency: the reader.

    Raises:
        ConfigError: code `vectors_invalid`: the folder cannot be read, or lacks this agency.
    """
    try:
        setting = _Setting.model_validate_json((folder / SETTING_FILE).read_bytes())
        own = setting.agencies[agency]
        manifests = _bytes_in(folder / "manifests", ".txt")
        receipts = _bytes_in(folder / "receipts", ".txt")
        contracts = _bytes_in(folder / "contracts", ".yaml")
        notes = list(_bytes_in(folder / "contracts", ".note").items())
    except (OSError, ValidationError, KeyError):
        raise ConfigError(
            "A setting of the vectors is missing, damaged, or not one of this agency.",
            code="vectors_invalid",
            where=f"settings/{folder.name}",
            fix="Restore the folder of vectors, or make it again with its generate.py.",
        ) from None
    pair = GovernancePublic(own.governance.ed25519, own.governance.ml_dsa_65)
    documents = Documents({}, (folder.parent.parent / DOCUMENTS_FOLDER,))
    book = _contracts(setting.deployment, agency, pair.fingerprints, contracts, notes, documents)
    known = _manifests(setting.deployment, book, list(manifests.values()))
    return SettingReader(
        setting.deployment,
        agency,
        KeyResolver(agency, known, book, allow_trial=True),
        PublishedSeeds(own.exchange_seeds),
        _receipts(known, list(receipts.values())),
    )


def _bytes_in(folder: Path, suffix: str) -> dict[str, bytes]:
    paths = sorted(folder.glob(f"*{suffix}")) if folder.is_dir() else []
    return {path.stem: path.read_bytes() for path in paths}


def _contracts(
    deployment: str,
    agency: str,
    fingerprints: tuple[str, ...],
    files: dict[str, bytes],
    notes: list[tuple[str, bytes]],
    documents: Documents,
) -> ContractBook:
    book = ContractBook(deployment=deployment, agency=agency, fingerprints=fingerprints)
    others: list[SignedContract] = []
    for stem, raw in files.items():
        try:
            text = parse_contract(raw, stem, documents)
            beside = (note for name, note in notes if stem in _stems(name))
            signed = _with_notes(text, beside)
        except (ContractError, RegistryError):
            continue
        if text.contract.party(agency) is None:
            others.append(signed)
            continue
        try:
            book = book.adding(signed)
        except RegistryError:
            continue
    for signed in others:
        try:
            book = book.adding_other(signed)
        except RegistryError:
            continue
    return book


def _stems(name: str) -> tuple[str, str]:
    """Return the contracts that a note may be of: CONTRACT.AGENCY or CONTRACT.AGENCY.OFFICER."""
    without = name.rpartition(".")[0]
    return without, without.rpartition(".")[0]


def _with_notes(text: ContractText, notes: Iterable[bytes]) -> SignedContract:
    """Return the contract with the notes that verify; another note does not hide them."""
    signed = verify_contract(text)
    for note in notes:
        try:
            signed = signed.with_notes(verify_contract(text, [note]).notes)
        except RegistryError:
            continue
    return signed


def _manifests(deployment: str, contracts: ContractBook, files: list[bytes]) -> ManifestBook:
    """Return a book of manifests, each verified at its time of issue, in ascending order."""
    parsed: list[SignedManifest] = []
    for raw in files:
        try:
            parsed.append(parse_manifest(raw))
        except ManifestError:
            continue
    book = ManifestBook(deployment)
    for signed in sorted(parsed, key=_place):
        manifest = signed.manifest
        governance = contracts.governance_of(manifest.agency)
        try:
            verified = verify_manifest(
                signed, governance, deployment=deployment, now=manifest.issued
            )
            book = book.adding(verified)
        except ManifestError:
            continue
    return book


def _place(signed: SignedManifest) -> tuple[str, int, int]:
    manifest = signed.manifest
    return manifest.agency, signed.delegation.delegation.version, manifest.version


def _receipts(
    manifests: ManifestBook, files: list[bytes]
) -> tuple[tuple[bytes, SignedCheckpoint], ...]:
    """Return receipts whose key was listed, and not revoked, at their time."""
    believed: list[tuple[bytes, SignedCheckpoint]] = []
    for raw in files:
        try:
            receipt = parse_receipt(raw)
            at = receipt.line.timestamp * 1000
            cosigner = receipt.line.name.partition("/")[2]
            key = manifests.receipt_key(cosigner, receipt.line.key_id)
            if key is None or key.at(at) != "valid":
                continue
            if key.revoked_since is not None and at >= key.revoked_since:
                continue
            verify_cosignature(receipt.line, key.verifier, receipt.body)
        except (RefusedError, NoteError):
            continue
        believed.append((raw, receipt))
    return tuple(believed)
