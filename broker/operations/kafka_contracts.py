"""Contracts that Kafka's host applies: those of an agency's folder, or those of a bundle.

The host of Kafka may be no party. It then has only a bundle, and no governance key by which to
tell a genuine contract from an invented one. The contracts that it has applied are its anchor
(`broker/operations/kafka_host.py`): contracts and manifests of a bundle count only with the
governance keys that applied contracts pin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from broker.agency.participant import Participant
from broker.errors import EntryError, RegistryError
from broker.keys.keyfile import UNASSIGNED
from broker.keys.manifest import VerifiedManifest, parse_manifest, verify_manifest
from broker.operations.bundle_reading import (
    Collected,
    as_refused,
    collect,
    read_file,
    require_pins,
)
from broker.registry.contract_book import ContractBook
from broker.registry.contracts import SignedContract, pinned_governance
from broker.registry.manifests import ManifestBook
from contracts.errors import ConcordantError
from contracts.loading import ContractText
from contracts.model import Contract


@dataclass(frozen=True, slots=True)
class HostContracts:
    """Contracts and manifests that the host knows.

    Attributes:
        deployment: the partnership's id.
        contracts: every known version.
        manifests_for: returns the manifests that count beside these applied versions.
        of_a_party: whether they are those of a party, which has signed them itself.
    """

    deployment: str
    contracts: ContractBook
    manifests_for: Callable[[Sequence[ContractText]], ManifestBook]
    of_a_party: bool


class BundleContracts(ContractBook):
    """Contracts of a bundle, for a reader that is no party of them."""

    def __init__(self, deployment: str, contracts: Iterable[SignedContract]) -> None:
        """Build the book.

        Raises:
            RegistryError: `contract_foreign`: a contract of another deployment.
        """
        super().__init__(
            deployment=deployment, agency="", fingerprints=("", ""), contracts=contracts
        )

    def trusted(self) -> tuple[SignedContract, ...]:
        """Return the contracts that all of their parties have signed."""
        return tuple(signed for signed in self.all() if not signed.missing)

    def _require_ours(self, signed: SignedContract) -> None:
        if signed.contract.deployment != self.deployment:
            raise RegistryError(
                f"The contract {signed.contract.name} is of another deployment.",
                code="contract_foreign",
                where=signed.text.where,
            )


def contracts_of_participant(participant: Participant) -> HostContracts:
    """Return the contracts of an agency's folder."""
    return HostContracts(
        participant.deployment,
        participant.contracts,
        lambda _: participant.manifests,
        of_a_party=True,
    )


def contracts_of_bundle(file: Path, now: int) -> HostContracts:
    """Return the contracts of a bundle.

    Args:
        file: the bundle.
        now: milliseconds since the epoch.

    Raises:
        EntryError: the bundle is refused, or it holds no agreement.
        ConfigError: it cannot be read.
    """
    found = Collected()
    as_refused(file, lambda: collect(read_file(file), str(file), UNASSIGNED, found, now))
    as_refused(file, lambda: require_pins(found.agreements.values(), found.entries))
    deployments = {signed.contract.deployment for signed in found.agreements.values()}
    if not deployments:
        raise EntryError(
            "The bundle holds no agreement.",
            code="bundle_without_agreement",
            where=str(file),
            fix="Ask a party for the bundle that it makes after all have signed: concordant bundle "
            "make --agency DIR --out FILE",
        )
    (deployment,) = deployments  # `collect` refuses a second one
    return HostContracts(
        deployment,
        BundleContracts(deployment, found.agreements.values()),
        lambda applied: ManifestBook(
            deployment, _believed(found.manifests, applied, deployment, now)
        ),
        of_a_party=False,
    )


def anchored(contract: Contract, applied: Mapping[str, ContractText]) -> bool:
    """Return whether a contract belongs to the parties of applied contracts.

    At least one of its parties has the governance keys that an applied contract pins for it, and
    none has others.
    """
    same = False
    for text in applied.values():
        known = text.contract.governance_keys
        for agency, keys in contract.governance_keys.items():
            if agency in known:
                if known[agency] != keys:
                    return False
                same = True
    return same


def _believed(
    manifests: Iterable[VerifiedManifest],
    applied: Sequence[ContractText],
    deployment: str,
    now: int,
) -> list[VerifiedManifest]:
    """Return the manifests that verify with the keys which applied contracts pin."""
    kept = []
    for verified in manifests:
        agency = verified.manifest.agency
        pairs = [
            pinned_governance(text.contract, agency)
            for text in applied
            if agency in text.contract.governance_keys
        ]
        if not pairs:
            continue
        try:
            signed = parse_manifest(verified.raw)
            kept.append(
                verify_manifest(signed, tuple(dict.fromkeys(pairs)), deployment=deployment, now=now)
            )
        except ConcordantError:
            continue  # of other keys: it takes no right away
    return kept
