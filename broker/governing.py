"""Which contract and which keys apply to what a participant seals now."""

from __future__ import annotations

from broker.envelope.sealing import ExchangeKey
from broker.participant import Participant
from broker.publishing import EventSealer, Governed
from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from contracts.errors import EventError


class SealingTerms:
    """Contracts and exchange keys as a sealer asks for them; replaced when trust changes."""

    def __init__(self, contracts: ContractBook, manifests: ManifestBook) -> None:
        self.contracts = contracts
        self.manifests = manifests
        self._keys: dict[bytes, ExchangeKey] = {}

    def governing(self, event_type: str, now: int) -> Governed:
        """The contract in force that has this event type.

        Raises:
            RegistryError: there is no contract, or several at once.
            EventError: ``type_unknown``.
        """
        names = {
            signed.contract.name
            for signed in self.contracts.trusted()
            if event_type in signed.contract.event_types
        }
        if not names and self.contracts.trusted():
            raise EventError("no contract has an event type of this name", code="type_unknown")
        signed = self.contracts.current(now, names.pop() if len(names) == 1 else None)
        return Governed(signed.text, self.contracts.standing_of(signed, self.manifests, now))

    def exchange_key(self, agency: str, now: int) -> ExchangeKey:
        """A recipient's current exchange key, kept as an object.

        Raises:
            RegistryError: it has none that is valid now.
        """
        key = self.manifests.exchange_key(agency, now)
        held = self._keys.get(key.kid)
        if held is None:
            held = self._keys[key.kid] = ExchangeKey(agency, key.kid, key.sealer())
        return held


def event_sealer(participant: Participant) -> EventSealer:
    """A sealer for a participant as it was loaded. Unlocks the PRF secret."""
    terms = SealingTerms(participant.contracts, participant.manifests)
    return EventSealer(
        participant.deployment,
        participant.agency,
        participant.keyring.secret(),
        terms.governing,
        terms.exchange_key,
    )
