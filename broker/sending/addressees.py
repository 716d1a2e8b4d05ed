"""Addressed agencies that cannot be reached now (docs/spec/sending.md, "Addressees").

An agency cannot be reached if it has left, has suspended its part, has no valid key, or is a party
of another version of the agreement only. The event is sealed to the other addressees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from broker.envelope.sealing import ExchangeKey
from broker.errors import RegistryError
from broker.registry.contract_in_force import ContractInForce

NOT_AT_ALL: Final = frozenset({"contract_left", "not_a_party"})
"""Reasons that do not end: the agency gets no copy later."""

EARLIER_WAITS: Final = "earlier_waits"
"""Reason of an agency for which an earlier event of the same case waits."""


class NotSealed(NamedTuple):
    """An addressed agency to which an event is not sealed now.

    Attributes:
        agency: the agency.
        reason: `contract_left`, `not_a_party`, `suspended`, `other_version`, `earlier_waits`, or
            the code for which it has no key now: `exchange_key_missing`, `manifest_expired` or
            `manifest_missing`.
    """

    agency: str
    reason: str

    @property
    def later(self) -> bool:
        """Return whether the agency may be reached later."""
        return self.reason not in NOT_AT_ALL

    def as_json(self) -> dict[str, str]:
        """Return a JSON object for scripts and reports."""
        return {"agency": self.agency, "reason": self.reason}


def not_reached(
    in_force: ContractInForce,
    exchange_key: Callable[[str, int], ExchangeKey],
    addressed: Sequence[str],
    now: int,
) -> tuple[NotSealed, ...]:
    """Return the addressed agencies that cannot be reached now, in the order of their ids.

    An agency that no version of the agreement names is not among them: the event is at fault, and
    `contracts.decision.decide` refuses it.

    Args:
        in_force: the contract under which the event is sealed.
        exchange_key: (agency, now) -> its exchange key. Raises RegistryError.
        addressed: ids of the addressed agencies.
        now: ms.
    """
    departed, parties = in_force.status(now).departed, in_force.contract.by_id
    found: list[NotSealed] = []
    for agency in addressed:
        reason: str | None = None
        if agency not in parties:
            reason = in_force.elsewhere.get(agency)
        elif agency in departed:
            reason = "contract_left" if departed[agency].state == "left" else "suspended"
        else:
            try:
                exchange_key(agency, now)
            except RegistryError as error:
                reason = error.code
        if reason is not None:
            found.append(NotSealed(agency, reason))
    return tuple(sorted(found))
