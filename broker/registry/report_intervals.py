"""Intervals of reports: which agencies report to each other, and how often (docs/spec/reports.md).

Everything follows from the agreements and the manifests, which every party and Kafka's host know.
So the presence of a report says nothing about who is addressed by events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from broker.registry.active_partners import partners_under
from broker.registry.contract_book import ContractBook
from broker.registry.contracts import SignedContract
from broker.registry.manifests import ManifestBook
from contracts.durations import DAY_MS
from contracts.model import Contract

REPORTED_AFTER_END_MS: Final = 7 * DAY_MS
"""Time after the last day of a contract in which reports under it still go."""


def report_intervals(
    contracts: ContractBook, manifests: ManifestBook, now: int
) -> Mapping[str, int]:
    """Return the agencies to which this agency reports, with the interval of the reports in ms.

    These are the parties that may send an event to this agency, under a contract with reports. If
    two agencies have several such contracts, the shortest interval applies.

    Args:
        contracts: the contracts of this agency.
        manifests: the parties' manifests.
        now: ms.
    """
    return _intervals(contracts, manifests, now, sends_to_us=True)


def reporting_intervals(
    contracts: ContractBook, manifests: ManifestBook, now: int
) -> Mapping[str, int]:
    """Return the agencies that report to this agency, with the interval of the reports in ms."""
    return _intervals(contracts, manifests, now, sends_to_us=False)


def _intervals(
    contracts: ContractBook, manifests: ManifestBook, now: int, *, sends_to_us: bool
) -> Mapping[str, int]:
    own, found = contracts.agency, dict[str, int]()
    for signed in _with_reports(contracts, now):
        contract, every = signed.contract, signed.contract.report_every_ms
        if every is None:
            continue
        for other in partners_under(signed, contracts, manifests, now):
            pair = (other, own) if sends_to_us else (own, other)
            if may_send(contract, *pair):
                found[other] = min(every, found.get(other, every))
    return dict(sorted(found.items()))


def _with_reports(contracts: ContractBook, now: int) -> Iterator[SignedContract]:
    """Yield the contracts in force, and those whose last day was not long ago."""
    yield from contracts.live(now)
    for one in contracts.live(now - REPORTED_AFTER_END_MS):
        if one.contract.ends_ms <= now and not contracts.successors(one.hash):
            yield one


def may_send(contract: Contract, sender: str, recipient: str) -> bool:
    """Return whether a party may send some event type to another party."""
    roles = contract.role_of
    return any(
        roles[sender] in terms.publishers and roles[recipient] in terms.recipients
        for terms in contract.event_types.values()
    )
