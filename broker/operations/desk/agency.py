"""The agency whose people use the desk, with its state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from broker import pseudonyms
from broker.agency.names import agency_names
from broker.agency.participant import Participant
from broker.operations.desk.contents import Contents
from broker.registry.contract_in_force import ContractInForce, contract_for_event
from broker.registry.contracts import SignedContract
from broker.store.database import Store
from contracts.model import Contract


@dataclass(frozen=True, slots=True)
class DeskAgency:
    """An agency with a desk.

    Attributes:
        participant: the agency, loaded and verified.
        store: its state, which its adapter shares.
        clock: () -> ms since the epoch.
    """

    participant: Participant
    store: Store
    clock: Callable[[], int]

    @property
    def id(self) -> str:
        """Return the agency's id."""
        return self.participant.agency

    @property
    def secret(self) -> bytes:
        """Return the agency's secret.

        Raises:
            KeyAccessError: it is not available.
        """
        return self.participant.keyring.secret()

    def contents(self) -> Contents:
        """Return the encryption of kept events and drafts.

        Raises:
            KeyAccessError: the agency's secret is not available.
        """
        return Contents(self.secret, self.id)

    def case_key(self, case_id: str) -> bytes:
        """Return the name of a case in the agency's own log and tables."""
        return pseudonyms.case_key(self.secret, case_id)

    def signed(self, contract_hash: str) -> SignedContract | None:
        """Return the agreement of a hash (hexadecimal), if it is held."""
        return self.participant.contracts.by_hash(bytes.fromhex(contract_hash))

    def in_force(self, event_type: str, recipients: tuple[str, ...]) -> ContractInForce:
        """Return the agreement under which an event would be sealed now.

        Raises:
            RegistryError: there is none.
            EventError: `type_unknown`, `contract_ambiguous`.
        """
        participant = self.participant
        return contract_for_event(
            participant.contracts, participant.manifests, event_type, recipients, self.clock()
        )

    def known_contracts(self) -> tuple[Contract, ...]:
        """Return the agreements that the agency holds, the newest last."""
        return tuple(signed.contract for signed in self.participant.contracts.all())

    def name_of(self, agency: str) -> str:
        """Return the name of an agency for people; see `AgencyNames.full`."""
        return agency_names(self.participant).full(agency)
