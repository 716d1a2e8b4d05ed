"""Book of the contracts that an agency trusts (spec: contract signatures).

Trust starts at the agency's own governance keys: a contract counts only if it pins them for this
agency and this agency has signed it. Only then are the other parties' governance keys, which it
also pins, trusted. A forged contract with the attacker's own keys is never trusted, whatever its
signatures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from broker.errors import RegistryError
from broker.keys.governance import GovernancePublic
from broker.keys.keyfile import UNASSIGNED
from broker.registry.contracts import SignedContract, pinned_governance
from broker.registry.manifests import ManifestBook
from broker.registry.stops import Stop, covers
from contracts.loading import ContractText
from contracts.model import topic_name
from contracts.status import ContractStatus, Departure, contract_status


class ContractBook:
    """The contracts of one agency. Immutable: `adding` returns another book."""

    def __init__(
        self,
        *,
        deployment: str,
        agency: str,
        fingerprints: tuple[str, str],
        former: Iterable[tuple[str, str]] = (),
        contracts: Iterable[SignedContract] = (),
    ) -> None:
        """Build the book.

        Args:
            deployment: the partnership's id.
            agency: this agency's id.
            fingerprints: ids of this agency's own governance keys, base64.
            former: ids of replaced governance keys; contracts that pin them still count as ours.
            contracts: verified contracts.

        Raises:
            RegistryError: code `contract_foreign`: a contract of another deployment, one that does
                not name this agency, or one that pins other keys for it.
        """
        self.deployment = deployment
        self.agency = agency
        self._fingerprints = fingerprints
        self._former = tuple(former)
        self._by_hash: dict[bytes, SignedContract] = {}
        for signed in contracts:
            self._require_ours(signed)
            self._by_hash[signed.hash] = signed
        self._governance: dict[str, tuple[GovernancePublic, ...]] = {}

    def adding(self, signed: SignedContract) -> ContractBook:
        """Return the book with one more contract, or with more signatures of a known one.

        Raises:
            RegistryError: code `contract_foreign`.
        """
        return ContractBook(
            deployment=self.deployment,
            agency=self.agency,
            fingerprints=self._fingerprints,
            former=self._former,
            contracts=({**self._by_hash, signed.hash: signed}).values(),
        )

    def all(self) -> tuple[SignedContract, ...]:
        """Return every contract, by name and start."""
        return tuple(
            sorted(
                self._by_hash.values(),
                key=lambda s: (s.contract.name, s.contract.starts_ms, s.contract.version),
            )
        )

    def trusted(self) -> tuple[SignedContract, ...]:
        """Return the contracts that this agency has signed."""
        if self.deployment == UNASSIGNED:
            return ()
        return tuple(signed for signed in self.all() if self.agency in signed.parties)

    def by_hash(self, contract_hash: bytes) -> SignedContract | None:
        """Return the contract with this SHA-256 of its file.

        None if it is unknown or not signed by us.
        """
        signed = self._by_hash.get(contract_hash)
        if signed is None or self.deployment == UNASSIGNED:
            return None
        return signed if self.agency in signed.parties else None

    def held(self, contract_hash: bytes) -> SignedContract | None:
        """Return the contract with this SHA-256 of its file, signed by us or not."""
        return self._by_hash.get(contract_hash)

    def topics(self, signed: SignedContract) -> frozenset[str]:
        """Return full names of the Kafka topics that a contract owns."""
        contract = signed.contract
        return frozenset(topic_name(contract, logical) for logical in contract.topics)

    def governance_of(self, agency: str) -> tuple[GovernancePublic, ...]:
        """Return the governance pairs of an agency in contracts signed by us, newest first."""
        pairs = self._governance.get(agency)
        if pairs is None:
            found = [
                pinned_governance(signed.contract, agency)
                for signed in reversed(self.trusted())
                if agency in signed.contract.governance_keys
            ]
            pairs = self._governance[agency] = tuple(dict.fromkeys(found))
        return pairs

    def status_of(
        self, signed: SignedContract, manifests: ManifestBook, now: int
    ) -> ContractStatus:
        """Return a contract's status, from its signatures, its dates and the manifests.

        Args:
            signed: the contract.
            manifests: where parties say that they have suspended or left.
            now: milliseconds since the epoch.
        """
        departed = self.departures(signed.text, manifests)
        return contract_status(signed.contract, signed.parties, departed, now)

    def departures(self, text: ContractText, manifests: ManifestBook) -> tuple[Departure, ...]:
        """Return the suspensions and departures of a contract's parties that cover it.

        Args:
            text: one version of a contract.
            manifests: where parties say that they have suspended or left.
        """
        return tuple(
            Departure(party.id, stop.state, stop.since, stop.until)
            for party in text.contract.parties
            for stop in self.stops(party.id, text, manifests)
        )

    def stops(self, agency: str, text: ContractText, manifests: ManifestBook) -> tuple[Stop, ...]:
        """Return a party's suspensions and departures that cover a version of a contract."""
        return tuple(
            stop
            for stop in manifests.stops(agency)
            if stop.contract == text.contract.name
            and covers(stop.versions, text.hash, self._previous)
        )

    def _previous(self, contract_hash: bytes) -> frozenset[bytes]:
        signed = self.by_hash(contract_hash)
        return frozenset() if signed is None else frozenset(signed.contract.previous_hashes)

    def live(self, now: int, name: str | None = None) -> tuple[SignedContract, ...]:
        """Return fully signed contracts that are valid now and not replaced by another of them."""
        signed = [
            one
            for one in self.all()
            if (name is None or one.contract.name == name)
            and one.contract.starts_ms <= now < one.contract.ends_ms
            and not one.missing
        ]
        superseded = {before for one in signed for before in one.contract.previous_hashes}
        return tuple(one for one in signed if one.hash not in superseded)

    def signatures(self) -> Mapping[bytes, frozenset[str]]:
        """Return the parties that signed, by contract hash."""
        return {contract_hash: signed.parties for contract_hash, signed in self._by_hash.items()}

    def _require_ours(self, signed: SignedContract) -> None:
        contract = signed.contract
        problem = None
        # an agency that has signed nothing yet belongs to every deployment
        if self.deployment not in (contract.deployment, UNASSIGNED):
            problem = f"is of deployment {contract.deployment}"
        elif self.agency not in contract.governance_keys:
            problem = f"does not name {self.agency}"
        elif pinned_governance(contract, self.agency).fingerprints not in (
            self._fingerprints,
            *self._former,
        ):
            problem = f"pins other governance keys for {self.agency} than agency.toml names"
        if problem:
            raise RegistryError(
                f"The contract {contract.name} {contract.version} {problem}.",
                code="contract_foreign",
                where=signed.text.where,
                fix="If this agency never signed it, move it out of the folder. If it did, keep "
                "it: name its governance keys in agency.toml under [[governance.former]].",
            )
