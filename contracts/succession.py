"""Checks of a new version against the versions that a party has already signed.

A version replaces every version that it names as `previous`. A party signs no version that does not
name each version that it has signed, so two complete versions never apply beside each other. Pure:
texts and dates in, findings out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from contracts.findings import Finding
from contracts.loading import ContractText
from contracts.model import SIGNING_LIMIT_MS, Contract
from contracts.vocabulary.comparison import compare_vocabularies

__all__ = ["HeldVersion", "previous_of", "succession_findings"]


@dataclass(frozen=True, slots=True)
class HeldVersion:
    """A version that this party has signed.

    Attributes:
        text: the agreement.
        complete: whether every party has signed it.
    """

    text: ContractText
    complete: bool

    @property
    def contract(self) -> Contract:
        """Return its terms."""
        return self.text.contract


def previous_of(new: ContractText, held: Sequence[HeldVersion]) -> HeldVersion | None:
    """Return the newest held version that `new` names as `previous`, None if none is held."""
    named = [each for each in held if each.text.hash in new.contract.previous_hashes]
    return max(
        named, key=lambda each: (each.complete, _number(each.contract.version)), default=None
    )


def succession_findings(
    new: ContractText,
    held: Sequence[HeldVersion],
    now_ms: int,
    without_us: Collection[bytes] = (),
) -> tuple[Finding, ...]:
    """Return findings against a signature because of other versions and the date.

    Args:
        new: the version to be signed.
        held: versions that this party has signed, of any name; `new` itself is passed over.
        now_ms: milliseconds since the epoch.
        without_us: hashes of versions that do not name this party, so it cannot have signed them.
    """
    others = [each for each in held if each.text.hash != new.hash]
    found = [*_of_itself(new.contract, now_ms)]
    same = [each for each in others if each.contract.name == new.contract.name]
    found += _version_number(new, same)
    found += _previous(new, same, without_us)
    found += _partitions(new.contract, same)
    found += _other_agreements(new, others, now_ms)
    return tuple(found)


def _of_itself(contract: Contract, now_ms: int) -> Iterator[Finding]:
    if contract.status == "drafted":
        yield Finding(
            "status-draft",
            "error",
            "status",
            "this is a draft; sign the version that is offered for signature",
        )
    if now_ms >= contract.ends_ms:
        yield Finding("expired", "error", "ends", f"it ended on {contract.ends}")
    elif now_ms > contract.starts_ms + SIGNING_LIMIT_MS:
        yield Finding(
            "signed-late",
            "error",
            "starts",
            f"it started on {contract.starts}, more than 30 days ago, so a signature of today does "
            "not count; the text needs a later first day",
        )


def _version_number(new: ContractText, same: Sequence[HeldVersion]) -> Iterator[Finding]:
    contract = new.contract
    for each in same:
        if _number(each.contract.version) == _number(contract.version):
            yield Finding(
                "version-repeated",
                "error",
                "version",
                f"you have signed another text of {contract.name} {each.contract.version}, SHA-256 "
                f"{each.text.hash.hex()}; a changed text needs a number of its own",
            )
    before = previous_of(new, same)
    if before is not None and _number(contract.version) < _number(before.contract.version):
        yield Finding(
            "version-not-newer",
            "error",
            "version",
            f"it replaces {before.contract.version}, so its number must be higher",
        )


def _previous(
    new: ContractText, same: Sequence[HeldVersion], without_us: Collection[bytes]
) -> Iterator[Finding]:
    """Require that the text names every version of this name that this party has signed.

    Otherwise both could take effect, and readers would judge records by both.
    """
    contract = new.contract
    held = {each.text.hash for each in same}
    if not held >= set(contract.previous_hashes) - set(without_us):
        yield Finding(
            "previous-not-held",
            "warning",
            "previous",
            "it replaces a version that you have not signed, so what changes cannot be shown; if "
            "you join with this version, add the bundle that holds the earlier versions too: they "
            "show that you were no party of them",
        )
    lacking = [each for each in same if each.text.hash not in contract.previous_hashes]
    if lacking:
        named = ", ".join(f"{each.contract.version} {each.text.hash.hex()}" for each in lacking)
        yield Finding(
            "previous-missing",
            "error",
            "previous",
            "the text must name each version that you have signed by its SHA-256, and does not "
            f"name: {named}",
        )
    before = previous_of(new, same)
    if before is not None:
        yield from _against_previous(contract, before.contract)


def _against_previous(contract: Contract, before: Contract) -> Iterator[Finding]:
    if contract.ends < before.ends:
        yield Finding(
            "ends-before-previous",
            "warning",
            "ends",
            f"it ends on {contract.ends}, and {before.version}, which it replaces, ends on "
            f"{before.ends}; nothing can be sent after {contract.ends}",
        )
    if contract.starts > before.ends:
        yield Finding(
            "gap",
            "warning",
            "starts",
            f"{before.version} ends on {before.ends}; nothing can be sent until {contract.starts}",
        )
    if contract.pins.vocabulary != before.pins.vocabulary:
        changes = compare_vocabularies(before.vocabulary, contract.vocabulary)
        for broken in (each for each in changes if each.breaks):
            yield Finding(
                "vocabulary-breaks",
                "error",
                "pins.vocabulary",
                f"in its vocabulary {broken.path} {broken.text}; a name keeps its meaning from "
                "version to version, so give the new meaning a new name",
            )


def _partitions(contract: Contract, same: Sequence[HeldVersion]) -> Iterator[Finding]:
    """Compare with every signed version: a topic stays on Kafka even if a version drops it."""
    held = sorted(
        (each.contract for each in same), key=lambda one: _number(one.version), reverse=True
    )
    for name, topic in contract.topics.items():
        for earlier in held:
            before = earlier.topics.get(name)
            if before is not None and before.partitions != topic.partitions:
                yield Finding(
                    "partitions-changed",
                    "error",
                    f"topics.{name}.partitions",
                    f"{before.partitions} partitions in {earlier.version} become "
                    f"{topic.partitions}: Kafka cannot change the number without cases losing "
                    "their order; keep the number, or give the topic another name",
                )
                break


def _other_agreements(
    new: ContractText, others: Sequence[HeldVersion], now_ms: int
) -> Iterator[Finding]:
    contract = new.contract
    for each in others:
        other = each.contract
        together = max(contract.starts_ms, other.starts_ms, now_ms) < min(
            contract.ends_ms, other.ends_ms
        )
        if other.name == contract.name or not together:
            continue
        shared = [name for name in contract.event_types if name in other.event_types]
        for name in shared:
            pair = _in_both(contract, other, name)
            if pair is not None:
                yield Finding(
                    "type-in-two-agreements",
                    "error",
                    f"event_types.{name}",
                    f"{other.name} {other.version}, which you have signed, has this event type "
                    f"too, and {pair[0]} and {pair[1]} are parties of both; events of it from one "
                    "to the other could be sent under neither",
                )
                break


def _in_both(new: Contract, other: Contract, event_type: str) -> tuple[str, str] | None:
    """Return a sender and a recipient of a type that are parties of both agreements, if any."""
    first, second = new.event_types[event_type], other.event_types[event_type]
    both = [party for party in new.parties if party.id in other.by_id]
    may = [(party.id, party.role, other.role_of[party.id]) for party in both]
    senders = [one for one, a, b in may if a in first.publishers and b in second.publishers]
    recipients = [one for one, a, b in may if a in first.recipients and b in second.recipients]
    return next(((one, each) for one in senders for each in recipients if one != each), None)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
