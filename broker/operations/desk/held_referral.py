"""A referral that this agency holds, and the agreement that rules it."""

from __future__ import annotations

from dataclasses import dataclass

from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.errors import referral_not_kept
from broker.referrals import key
from broker.registry.contract_in_force import ContractInForce
from broker.store.desk_rows import DeskEventRow, DeskReferralRow
from broker.store.rows import ReferralRow
from broker.store.transaction import Transaction
from contracts.referral import ReferralRules, referral_rules


@dataclass(frozen=True, slots=True)
class HeldReferral:
    """A referral between this agency and one other.

    Attributes:
        row: its status, version and deadlines.
        facts: facts for lists; None if the desk did not keep the event that made it.
        made: that event; None as well.
    """

    row: ReferralRow
    facts: DeskReferralRow | None
    made: DeskEventRow | None

    @property
    def referral_id(self) -> str:
        """Return its id, which the other side has too."""
        return self.row.referral_id.partition("/")[0]


def find_referral(agency: DeskAgency, referral_id: str, counterparty: str) -> HeldReferral:
    """Return a referral with one other agency.

    Raises:
        DeskError: `referral_not_kept`.
        StoreError: the state cannot be read.
    """
    with agency.store.reading() as tx:
        return held_referral(tx, referral_id, counterparty)


def held_referral(tx: Transaction, referral_id: str, counterparty: str) -> HeldReferral:
    """Return a referral with one other agency, in a transaction.

    Raises:
        DeskError: `referral_not_kept`.
    """
    name = key(referral_id, counterparty)
    row = tx.referrals.get(name)
    if row is None:
        raise referral_not_kept()
    made = tx.desk_events.find(row.event_source, row.event_id)
    return HeldReferral(row, tx.desk_events.referral(name), made)


def referral_agreement(
    agency: DeskAgency, held: HeldReferral
) -> tuple[ContractInForce, ReferralRules]:
    """Return the agreement in force for a referral, and its rules.

    Raises:
        DeskError: `referral_not_kept`: no agreement with the other agency has such referrals.
        RegistryError: the agreement is not in force.
    """
    other = held.row.counterparty
    for contract in reversed(agency.known_contracts()):
        rules = referral_rules(contract.vocabulary)
        if rules is None or contract.party(other) is None or contract.party(agency.id) is None:
            continue
        if held.made is None or held.made.type == rules.made.type:
            in_force = agency.in_force(rules.changed.type, (other,))
            current = referral_rules(in_force.contract.vocabulary)
            if current is not None:
                return in_force, current
    raise referral_not_kept()
