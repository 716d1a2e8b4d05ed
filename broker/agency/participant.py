"""Loaded and verified directory of an agency, the starting point of commands and the service.

Loading uses only public material and checks every signature again. Private keys are opened on
request, one at a time, and the passphrase is read for the first of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Final

from broker.agency.config import AgencyConfig, governance_kids, load_config
from broker.agency.config_secrets import agency_state, passphrase_source, signing_token
from broker.agency.config_sections import PassphraseSection
from broker.agency.kafka_settings import connection_of
from broker.errors import KeyAccessError, RegistryError
from broker.keys.governance import GovernanceSigner, governance_signer, key_name
from broker.keys.issuing import ManifestSigner, manifest_signer
from broker.keys.keyring import DeriveKey, Keyring, open_source
from broker.keys.kid import ED25519, RECEIPT, STREAM
from broker.keys.manifest import Manifest
from broker.keys.passphrase import load_passphrase
from broker.keys.signer import SoftwareSigner
from broker.keys.token import SigningToken
from broker.registry.awaited import awaited
from broker.registry.contract_book import ContractBook
from broker.registry.contract_in_force import ContractInForce, contract_in_force
from broker.registry.contracts import SignedContract
from broker.registry.manifests import ManifestBook
from broker.registry.repository import MANIFESTS_FOLDER, Repository
from broker.store.place import StatePlace
from broker.transport.connection import KafkaConnection
from contracts.model import HEARTBEAT_INTERVAL_MS
from contracts.status import ContractStatus


@dataclass(frozen=True, slots=True)
class Participant:
    """One agency at the time of loading.

    Attributes:
        root: the agency's directory.
        config: content of `agency.toml`.
        contracts: contracts with verified signatures.
        manifests: verified manifests of all agencies.
        keyring: the operational private keys; nothing is unlocked yet.
        repository: storage of newer contracts and manifests.
    """

    root: Path
    config: AgencyConfig
    contracts: ContractBook
    manifests: ManifestBook
    keyring: Keyring
    repository: Repository

    @property
    def agency(self) -> str:
        """Return the agency's id."""
        return self.config.agency

    @property
    def deployment(self) -> str:
        """Return the partnership's id."""
        return self.config.deployment

    @property
    def officer(self) -> str | None:
        """Return the officer whose governance keys belong to this folder; None without officers."""
        return self.config.governance.officer

    @property
    def key_name(self) -> str:
        """Return the name of the agency's keys in signature lines."""
        return key_name(self.deployment, self.agency)

    def path(self, relative: str) -> Path:
        """Return a path of `agency.toml`, relative to the agency's directory."""
        return self.root / relative

    @property
    def state(self) -> StatePlace:
        """Return the place of the adapter's state."""
        return agency_state(self.config, self.root)

    def kafka_connection(self) -> KafkaConnection:
        """Return this agency's connection to Kafka, from its ``agency.toml``."""
        return connection_of(self.config.kafka, self.root, self.agency)

    def manifest(self, now: int) -> Manifest:
        """Return the agency's own current manifest.

        Raises:
            RegistryError: `manifest_missing` or `manifest_expired`.
        """
        return self.manifests.current(self.agency, now)

    def contract_in_force(self, now: int, name: str | None = None) -> ContractInForce:
        """Return the contract under which events can be sealed now.

        Raises:
            RegistryError: as `broker.registry.contract_in_force`.
        """
        return contract_in_force(self.contracts, self.manifests, now, name=name)

    def contracts_in_force(self, now: int) -> tuple[ContractInForce, ...]:
        """Return all contracts under which events can be sealed now, one of each name.

        Raises:
            RegistryError: there is none, or two versions of one name; as
                `broker.registry.contract_in_force`.
        """
        names = dict.fromkeys(signed.contract.name for signed in self.contracts.live(now))
        if not names:
            return (self.contract_in_force(now),)
        return tuple(self.contract_in_force(now, name) for name in names)

    def heartbeat_s(self, now: int) -> float:
        """Return the interval of this agency's own heartbeats in seconds."""
        agreed = awaited(self.contracts, self.manifests, now)
        return self.config.intervals.heartbeat_s(agreed.get(self.agency, HEARTBEAT_INTERVAL_MS))

    def contract_status(self, signed: SignedContract, now: int) -> ContractStatus:
        """Return a contract's status at `now` (ms)."""
        return self.contracts.status_of(signed, self.manifests, now)

    def stream_signer(self, now: int, algorithm: str = ED25519) -> SoftwareSigner:
        """Return the key that signs this agency's checkpoints now (`ml-dsa-44`: its heartbeats).

        Args:
            now: milliseconds since the epoch.
            algorithm: `ed25519` or `ml-dsa-44`.

        Raises:
            RegistryError: `manifest_missing`, `manifest_expired` or `signing_key_expired`.
            KeyAccessError: the private half is not available.
        """
        return self._signer(STREAM, algorithm, now)

    def receipt_signer(self, now: int) -> SoftwareSigner:
        """Return the key that cosigns other agencies' checkpoints now.

        Raises:
            RegistryError: `manifest_missing`, `manifest_expired` or `signing_key_expired`.
            KeyAccessError: the private half is not available.
        """
        return self._signer(RECEIPT, ED25519, now)

    def governance_source(self) -> Keyring:
        """Return the store of governance keys, while they are here; nothing is unlocked yet.

        Raises:
            ConfigError: code `config_signer`.
        """
        return governance_ring(self.root, self.config)

    def holds_governance_keys(self) -> bool:
        """Return whether the governance keys are here; they are not unlocked.

        Raises:
            ConfigError: code `config_signer`, or the ids in `agency.toml` are not base64.
        """
        source = self.governance_source()
        return all(source.holds(kid) for kid in governance_kids(self.config))

    def governance_signer(self) -> GovernanceSigner:
        """Return the governance pair.

        Raises:
            KeyAccessError: a key is missing (keep it offline) or cannot be opened.
            ConfigError: code `config_signer`, or the ids in `agency.toml` are not base64.
        """
        source, kids = self.governance_source(), governance_kids(self.config)
        if not self.holds_governance_keys():
            raise KeyAccessError(
                "The governance keys are not here.",
                code="key_missing",
                where=f"{self.root / 'agency.toml'}: [keys] {self.config.keys.governance}",
                fix=f"Copy them from their offline store into {self._governance_place()}, give the "
                "command again, and remove them again. If they are lost, telephone every party.",
            )
        return governance_signer(
            source,
            kids,
            deployment=self.deployment,
            agency=self.agency,
        )

    def manifest_signer(self) -> ManifestSigner:
        """Return the pair of manifest keys that this agency's newest delegation names.

        Raises:
            RegistryError: `manifest_missing`.
            KeyAccessError: a key is missing or cannot be opened.
        """
        newest = self.manifests.newest_verified(self.agency)
        if newest is None:
            raise own_manifest_missing(self.root)
        if not all(self.keyring.holds(kid) for kid in newest.delegation.delegation.kids):
            raise KeyAccessError(
                "The manifest keys are not here.",
                code="key_missing",
                where=f"{self.root / 'agency.toml'}: [keys] {self.config.keys.operational}",
                fix="Restore them from a backup, or bring the governance keys and make new ones: "
                f"concordant keys delegate --agency {self.root}",
            )
        return manifest_signer(newest.delegation, self.keyring)

    def _governance_place(self) -> str:
        kind, _, path = self.config.keys.governance.partition(":")
        return str(self.path(path)) if kind == "file" else self.config.keys.governance

    def _signer(self, role: str, algorithm: str, now: int) -> SoftwareSigner:
        keys = self.manifest(now).keys_of(role, algorithm)
        usable = [
            key
            for key in keys
            if key.valid_at(now) and self.manifests.revoked_since(self.agency, key.kid) is None
        ]
        if not usable:
            raise RegistryError(
                f"None of this agency's {role} keys is valid now.",
                code="signing_key_expired",
                where="manifests/",
                fix=f"Run: concordant keys renew --agency {self.root}",
            )
        return self.keyring.signer(max(usable, key=lambda key: key.not_before).kid)


OWN_MANIFEST_MISSING: Final = (
    "Copy the newest of our manifests (AGENCY.NUMBER.note) from another party's folder "
    "manifests/ into ours: every party has it."
)


def own_manifest_missing(root: Path) -> RegistryError:
    """Return the error for an agency without a manifest of its own."""
    return RegistryError(
        "This agency's own manifest is missing.",
        code="manifest_missing",
        where=str(root / MANIFESTS_FOLDER),
        fix=OWN_MANIFEST_MISSING,
    )


@dataclass(slots=True)
class LoadedAgency:
    """The agency as it was last loaded: ``participant`` changes when its files are taken up."""

    participant: Participant


def load_participant(
    directory: Path,
    now: int,
    *,
    unsigned_ok: bool = False,
    known: ManifestBook | None = None,
    derive: DeriveKey | None = None,
) -> Participant:
    """Load an agency's directory and verify everything in it; this needs no passphrase.

    Args:
        directory: the folder that holds `agency.toml`.
        now: milliseconds since the epoch.
        unsigned_ok: load even if this agency has signed no contract yet, for `contract sign`.
        known: manifests that this process has verified, whose signatures need no second check.
        derive: see ``Keyring``.

    Raises:
        ConfigError: `agency.toml` is missing or wrong.
        ContractError: a contract cannot be read or is invalid.
        RegistryError: contracts are inconsistent; `contract_unsigned` or `contract_missing` unless
            `unsigned_ok`.
        ManifestError: a manifest is refused.
    """
    config = load_config(directory)
    repository = Repository(
        directory,
        deployment=config.deployment,
        agency=config.agency,
        fingerprints=config.governance.fingerprints,
        former=tuple(former.fingerprints for former in config.governance.former),
    )
    contracts = repository.completions.remember(repository.load_contracts(), now)
    if not contracts.trusted() and not unsigned_ok:
        raise _none_signed(contracts, directory)
    manifests = repository.load_manifests(contracts, now, known)
    repository.versions.remember(manifests)
    return Participant(
        root=directory,
        config=config,
        contracts=contracts,
        manifests=manifests,
        keyring=_source(
            directory,
            config,
            config.keys.operational,
            config.passphrase,
            signing_token(config, directory),
            derive,
        ),
        repository=repository,
    )


def governance_ring(root: Path, config: AgencyConfig) -> Keyring:
    """Return the store of governance keys of an agency's folder; nothing is unlocked yet.

    Raises:
        ConfigError: code `config_signer`.
    """
    section = config.governance_passphrase or config.passphrase
    return _source(root, config, config.keys.governance, section)


def _source(
    root: Path,
    config: AgencyConfig,
    uri: str,
    section: PassphraseSection,
    token: SigningToken | None = None,
    derive: DeriveKey | None = None,
) -> Keyring:
    return open_source(
        uri,
        base=root,
        deployment=config.deployment,
        agency=config.agency,
        passphrase=lambda: load_passphrase(passphrase_source(section, root)),
        token=token,
        derive=derive,
    )


def _none_signed(contracts: ContractBook, directory: Path) -> RegistryError:
    known = contracts.all()
    if not known:
        return RegistryError(
            "There is no contract.",
            code="contract_missing",
            where=str(directory / "contracts"),
            fix=f"See what to do next: concordant agency status --agency {quote(str(directory))}",
        )
    latest = known[-1]
    return RegistryError(
        f"The contract {latest.contract.name} {latest.contract.version} is not signed by "
        f"{', '.join(latest.missing)}.",
        code="contract_unsigned",
        where=latest.text.where,
        fix=f"See what to do next: concordant agency status --agency {quote(str(directory))}",
    )
