"""Addressed agencies of an event that can be reached now, and the others.

docs/spec/sending.md, "Addressees that cannot be reached", defines them.

An agency cannot be reached if it has left, has suspended its part, has no valid key, or is a party
of another version of the agreement only. The event is sealed to the other addressees.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from broker.envelope.sealing import WrapRecipient
from broker.errors import RegistryError
from broker.registry.contract_in_force import ContractInForce
from contracts.events import PlainEvent
from contracts.values import value_class

NOT_AT_ALL: Final = frozenset({"contract_left", "not_a_party"})
"""Reasons that do not end: the agency gets no copy later."""

NOT_RECEIVED: Final = "manifest_not_received"
"""Reason of an agency that names a manifest which this agency lacks. It ends within a day."""
AWAY: Final = NOT_AT_ALL | {"suspended", "other_version"}
"""Reasons of agencies that take no part in the contract now."""

EARLIER_WAITS: Final = "earlier_waits"
"""Reason of an agency for which an earlier event of the same case waits."""


class NotSealed(NamedTuple):
    """An addressed agency to which an event is not sealed now.

    Attributes:
        agency: the agency.
        reason: `contract_left`, `not_a_party`, `suspended`, `other_version`, `earlier_waits`, or
            the code for which it has no key now: `exchange_key_missing`, `manifest_expired`,
            `manifest_missing` or `manifest_not_received`.
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


@value_class(frozen=True, slots=True)
class Addressees:
    """The agencies to which an event is addressed, at one time.

    An agency that no version of the agreement names is in neither group: the event is at fault, and
    `contracts.decision.decide` refuses it.

    Attributes:
        in_force: the contract under which the event is sealed.
        keys: exchange key of each agency that can be reached.
        not_reached: the others, in the order of their ids, and why.
        errors: the error of each of them that has no key now.
    """

    in_force: ContractInForce
    keys: Mapping[str, WrapRecipient]
    not_reached: tuple[NotSealed, ...]
    errors: Mapping[str, RegistryError]

    def key(self, agency: str) -> WrapRecipient:
        """Return the exchange key of a party that takes part in the contract.

        Raises:
            RegistryError: it has no valid key now.
        """
        found = self.keys.get(agency)
        if found is None:
            raise self.errors[agency]
        return found


def find_addressees(
    in_force: ContractInForce,
    exchange_key: Callable[[str, int], WrapRecipient],
    agencies: Sequence[str],
    now: int,
) -> Addressees:
    """Look up which of the addressed agencies can be reached now, and their keys.

    Args:
        in_force: the contract under which the event is sealed.
        exchange_key: (agency, now) -> its exchange key. Raises RegistryError.
        agencies: ids of the addressed agencies.
        now: ms.
    """
    departed, parties = in_force.status(now).departed, in_force.contract.by_id
    keys: dict[str, WrapRecipient] = {}
    errors: dict[str, RegistryError] = {}
    missing: list[NotSealed] = []
    for agency in agencies:
        reason: str | None = None
        if agency not in parties:
            reason = in_force.elsewhere.get(agency)
        elif agency in departed:
            reason = "contract_left" if departed[agency].state == "left" else "suspended"
        else:
            try:
                keys[agency] = exchange_key(agency, now)
            except RegistryError as error:
                errors[agency] = error
                reason = error.code
        if reason is not None:
            missing.append(NotSealed(agency, reason))
    return Addressees(in_force, keys, tuple(sorted(missing)), errors)


def reached(
    event: PlainEvent,
    found: Addressees,
    behind: Collection[str],
    *,
    wait: bool,
    keep: bool = False,
) -> tuple[PlainEvent, tuple[NotSealed, ...], tuple[str, ...] | None]:
    """Return the event for the agencies that can be reached, the others, and who is addressed.

    If no agency can be reached, the event keeps its recipients, and is refused for them. But if
    the manifest of one of them has not come, the event may be kept whole, as copies: the row must
    not hold up the rows for other agencies until then.

    Args:
        event: the event with every addressed agency.
        found: these agencies.
        behind: agencies for which an earlier event of the case waits.
        wait: whether the event waits for agencies that may return, so that they stay recipients.
        keep: whether an event that reaches no agency now may be kept as copies.
    """
    missing = found.not_reached
    if not missing and not behind:
        return event, (), None
    if wait:
        missing = tuple([one for one in missing if not one.later])
    gone = {one.agency for one in missing}
    waiting = [agency for agency in event.recipients if agency in behind and agency not in gone]
    alone = keep and any(one.reason == NOT_RECEIVED for one in missing)
    if not waiting and not alone and (not missing or gone.issuperset(event.recipients)):
        return event, (), None
    missing = (*missing, *(NotSealed(agency, EARLIER_WAITS) for agency in sorted(waiting)))
    gone.update(waiting)
    served = tuple([agency for agency in event.recipients if agency not in gone])
    parties = found.in_force.contract.by_id
    addressed = tuple([agency for agency in event.recipients if agency in parties])
    return replace(event, recipients=served), missing, addressed
