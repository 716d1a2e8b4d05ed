"""Status of a contract and of each party's part (protocol `concordant/1`, "Contract signatures").

A contract is binding when every party it names has signed, between its start and its end. Any party
can suspend its own part or leave: what it takes part in stops, and the others continue. Pure:
verified signatures and manifests come in as plain data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from contracts.model import Contract

__all__ = ["ContractStatus", "Departure", "State", "contract_status"]

State: TypeAlias = Literal[
    "draft", "partially_signed", "in_force", "not_started", "expired", "suspended", "left"
]
PARTIES_MIN = 2


@dataclass(frozen=True, slots=True)
class Departure:
    """A party's own statement that it suspends its part, or leaves.

    Attributes:
        agency: the party.
        state: `suspended` or `left`.
        since_ms: start of it, milliseconds since the epoch, UTC; included.
        until_ms: end of a suspension, excluded; None while it lasts, and for a departure.
    """

    agency: str
    state: Literal["suspended", "left"]
    since_ms: int
    until_ms: int | None = None

    def holds_at(self, moment: int) -> bool:
        """Return whether the party takes no part at a time (ms)."""
        return self.since_ms <= moment and (self.until_ms is None or moment < self.until_ms)


@dataclass(frozen=True, slots=True)
class ContractStatus:
    """Status of a contract at one moment.

    Attributes:
        state: of the contract as a whole; `suspended` or `left` only when fewer than two parties
            remain, since one party's departure ends its own part alone.
        since: milliseconds since the epoch from which the state holds, 0 if that is not known.
        by: agencies that cause it: those that have not signed, or that suspended or left.
        departed: agency to its departure, for parties that suspended or left by now.
    """

    state: State
    since: int
    by: tuple[str, ...]
    departed: Mapping[str, Departure]

    @property
    def in_force(self) -> bool:
        """Return whether anything may be shared at all."""
        return self.state == "in_force"

    def party_state(self, agency: str) -> State:
        """Return the state of this party's own part."""
        departure = self.departed.get(agency)
        return departure.state if departure is not None else self.state


def contract_status(
    contract: Contract,
    signed_by: frozenset[str],
    departures: Iterable[Departure],
    now: int,
    effect: int | None = None,
) -> ContractStatus:
    """Return the status of `contract` at `now`.

    Args:
        contract: the agreement.
        signed_by: parties whose counterpart signatures verified; others are ignored.
        departures: each party's own, from verified manifests; a party that left stays away.
        now: milliseconds since the epoch, UTC.
        effect: time (ms) from which a complete contract has effect; its first day if not given.
    """
    begins = contract.starts_ms if effect is None else effect
    parties = tuple(party.id for party in contract.parties)
    departed = _departed(parties, departures, now)
    unsigned = tuple(agency for agency in parties if agency not in signed_by)
    if unsigned:
        state: State = "draft" if len(unsigned) == len(parties) else "partially_signed"
        return ContractStatus(state, 0, unsigned, departed)
    if now < begins:
        return ContractStatus("not_started", 0, (), departed)
    if now >= contract.ends_ms:
        return ContractStatus("expired", contract.ends_ms, (), departed)
    if len(parties) - len(departed) < PARTIES_MIN:
        all_left = all(departure.state == "left" for departure in departed.values())
        since = max(departure.since_ms for departure in departed.values())
        return ContractStatus("left" if all_left else "suspended", since, tuple(departed), departed)
    return ContractStatus("in_force", begins, tuple(departed), departed)


def _departed(
    parties: tuple[str, ...], departures: Iterable[Departure], now: int
) -> Mapping[str, Departure]:
    found: dict[str, Departure] = {}
    for departure in sorted(departures, key=lambda d: d.since_ms):
        if departure.agency in parties and departure.holds_at(now):
            before = found.get(departure.agency)
            if before is None or before.state == "suspended":
                found[departure.agency] = departure
    return MappingProxyType(dict(sorted(found.items())))
