"""Resolver of trusted keys and contracts for judging (opening, steps 2 and 6).

Immutable; a new manifest or contract makes another ``KeyResolver``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from broker.envelope.opening import OpeningKey
from broker.errors import NoteError, RefusedError, RegistryError
from broker.judging.reader_context import StreamKey
from broker.keys.keyring import Keyring
from broker.registry.contract_book import ContractBook
from broker.registry.contract_in_force import ContractInForce, contract_in_force
from broker.registry.manifests import ManifestBook
from broker.tlog.cosignature import parse_signed_checkpoint


class KeyResolver:
    """Public material: stream keys, receipt keys, contracts.

    Args:
        agency: the reader.
        manifests: verified manifests.
        contracts: contracts that this agency has signed.
        allow_trial: whether trial topics of ``event seal`` count as the contract's own; only file
            commands set it, never for records from Kafka.
    """

    def __init__(
        self,
        agency: str,
        manifests: ManifestBook,
        contracts: ContractBook,
        *,
        allow_trial: bool = False,
    ) -> None:
        self.agency = agency
        self.manifests = manifests
        self.contracts = contracts
        self._allow_trial = allow_trial
        self._in_force: dict[bytes, ContractInForce] = {}
        self.parties = max(
            (len(signed.contract.parties) for signed in contracts.trusted()), default=1
        )

    def stream_key(self, agency: str, key_id: bytes, log_time: int) -> StreamKey:
        """Return the stream key of a signature line (steps 2.1 and 2.2).

        Raises:
            RefusedError: ``key_unknown`` or ``key_not_valid``.
        """
        key = self.manifests.stream_key(agency, key_id)
        if key is None:
            raise RefusedError(2, "key_unknown", "no manifest of the origin's agency has this key")
        validity = key.at(log_time)
        if validity == "not_valid":
            raise RefusedError(2, "key_not_valid", "the key was not valid at log time")
        return StreamKey(key.kid, key.verifier, key.revoked_since, validity == "manifest_expired")

    def is_revoked(self, agency: str, key_id: bytes) -> bool:
        """Return whether a stream key of an agency is revoked, from any time."""
        key = self.manifests.stream_key(agency, key_id)
        return key is not None and key.revoked_since is not None

    def receipt_believed(
        self, receipt: bytes, before: int, among: frozenset[str] | None = None
    ) -> bool:
        """Return whether a receipt that was verified on arrival still counts for another's stream.

        It does not count for its own stream, once a receipt key in its agency's newest manifest is
        revoked, or if the key that signed it is revoked since its time or earlier, listed or not.

        Args:
            receipt: the cosigned checkpoint as stored.
            before: ms; a receipt of this time or later does not count.
            among: agencies whose receipts count; None for every agency.
        """
        try:
            signed = parse_signed_checkpoint(receipt)
        except NoteError:  # damaged row, which `doctor` reports
            return False
        line, at = signed.line, signed.line.timestamp * 1000
        cosigner = line.name.partition("/")[2]
        if at >= before or signed.checkpoint.origin.split("/")[1] == cosigner:
            return False
        if among is not None and cosigner not in among:
            return False
        key = self.manifests.receipt_key(cosigner, line.key_id)
        if key is None or (key.revoked_since is not None and key.revoked_since <= at):
            return False
        newest = self.manifests.newest(cosigner)
        return newest is not None and not any(
            self.manifests.revoked_since(cosigner, listed.kid) is not None
            for listed in newest.keys
            if listed.role == "receipt"
        )

    def contract_in_force(self, contract_hash: bytes) -> ContractInForce | None:
        """Return the contract of that hash, if every party signed it (step 6)."""
        known = self._in_force.get(contract_hash)
        if known is None:
            try:
                known = contract_in_force(
                    self.contracts,
                    self.manifests,
                    contract_hash=contract_hash,
                    trial=self._allow_trial,
                )
            except RegistryError:
                return None
            self._in_force[contract_hash] = known
        return known


@dataclass(frozen=True, slots=True)
class Trust:
    """Trusted keys and contracts of a reader, and its exchange keys, at one moment.

    Attributes:
        resolver: stream keys, receipt keys, contracts.
        opening_keys: (log time in ms) -> its exchange keys to try, and whether one is missing.
    """

    resolver: KeyResolver
    opening_keys: Callable[[int], tuple[tuple[OpeningKey, ...], bool]]


class TrustStore:
    """Present ``Trust`` of this agency; verified news replaces it as a whole.

    Args:
        agency: the reader.
        contracts, manifests: verified.
        keys: the agency's own exchange keys.
        allow_trial: as of ``KeyResolver``.
    """

    def __init__(
        self,
        agency: str,
        contracts: ContractBook,
        manifests: ManifestBook,
        keys: Keyring,
        *,
        allow_trial: bool = False,
    ) -> None:
        self._agency = agency
        self._keys = keys
        self._allow_trial = allow_trial
        self.believe(contracts, manifests)

    @property
    def contracts(self) -> ContractBook:
        """Contracts with verified signatures."""
        return self.current.resolver.contracts

    @property
    def manifests(self) -> ManifestBook:
        """Verified manifests."""
        return self.current.resolver.manifests

    def believe(
        self, contracts: ContractBook, manifests: ManifestBook, keys: Keyring | None = None
    ) -> None:
        """Believe other books from now on, and open with other keys."""
        self._keys = keys or self._keys
        self.current = Trust(
            KeyResolver(self._agency, manifests, contracts, allow_trial=self._allow_trial),
            OpeningKeys(self._agency, manifests, self._keys),
        )


class OpeningKeys:
    """This agency's exchange keys, unlocked on first use (step 5)."""

    def __init__(self, agency: str, manifests: ManifestBook, source: Keyring) -> None:
        self._listed = manifests.exchange_keys(agency)
        self._source = source
        self._opened: dict[bytes, OpeningKey | None] = {}

    def __call__(self, log_time: int) -> tuple[tuple[OpeningKey, ...], bool]:
        """Return keys to try at ``log_time`` (ms), and whether a listed one is not held."""
        keys: list[OpeningKey] = []
        gone = False
        for listed in self._listed:
            if not listed.tried_at(log_time):
                continue
            if listed.kid not in self._opened:
                held = self._source.holds(listed.kid)
                self._opened[listed.kid] = (
                    OpeningKey(listed.kid, self._source.opener(listed.kid)) if held else None
                )
            key = self._opened[listed.kid]
            if key is None:
                gone = True
            else:
                keys.append(key)
        return tuple(keys), gone
