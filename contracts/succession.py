"""Checks of a new version against the versions that a party has already signed.

A version that every party has signed applies beside every other one that it does not name as
`previous`. Two that apply at the same time stop all sending (`contract_ambiguous`). Every check
assumes that the other parties sign as well. Pure: texts and dates in, findings out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contracts.findings import Finding
from contracts.loading import ContractText
from contracts.model import Contract

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
    """Return the held version that `new` names as `previous`, None if it is not held."""
    named = new.contract.previous
    return next((each for each in held if each.text.hash.hex() == named), None)


def succession_findings(
    new: ContractText, held: Sequence[HeldVersion], now_ms: int
) -> tuple[Finding, ...]:
    """Return findings against a signature because of other versions and the date.

    Args:
        new: the version to be signed.
        held: versions that this party has signed, of any name; `new` itself is passed over.
        now_ms: milliseconds since the epoch.
    """
    others = [each for each in held if each.text.hash != new.hash]
    found = [*_of_itself(new.contract, now_ms)]
    same = [each for each in others if each.contract.name == new.contract.name]
    found += _version_number(new, same)
    found += _previous(new, same)
    found += _partitions(new.contract, same)
    found += _overlaps(new, same, now_ms)
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


def _previous(new: ContractText, same: Sequence[HeldVersion]) -> Iterator[Finding]:
    contract = new.contract
    if not same:
        if contract.previous is not None:
            yield Finding(
                "previous-not-held",
                "warning",
                "previous",
                "it replaces a version that you have not signed, so what changes cannot be shown",
            )
        return
    before = previous_of(new, same)
    if before is None:
        named = ", ".join(f"{each.contract.version} {each.text.hash.hex()}" for each in same)
        rule = "previous-missing" if contract.previous is None else "previous-not-held"
        yield Finding(
            rule,
            "error",
            "previous",
            "two versions would apply at once and stop all parties; the text must name the version "
            f"that it replaces by its SHA-256. You have signed: {named}",
        )
        return
    yield from _against_previous(contract, before.contract)


def _against_previous(contract: Contract, before: Contract) -> Iterator[Finding]:
    if contract.ends < before.ends:
        yield Finding(
            "ends-before-previous",
            "error",
            "ends",
            f"it ends on {contract.ends}, and {before.version}, which it replaces, would apply "
            f"again from then to {before.ends}",
        )
    if contract.starts > before.ends:
        yield Finding(
            "gap",
            "warning",
            "starts",
            f"{before.version} ends on {before.ends}; nothing can be sent until {contract.starts}",
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


def _overlaps(new: ContractText, same: Sequence[HeldVersion], now_ms: int) -> Iterator[Finding]:
    """Name versions that would apply beside the new one at some time from now on."""
    complete = [each.text for each in same if each.complete]
    beside = _beside(new, complete, now_ms)
    for text in beside:
        yield Finding(
            "versions-overlap",
            "error",
            "previous",
            f"{text.contract.name} {text.contract.version} would apply at the same time, and all "
            "parties would stop; only the version that `previous` names is replaced",
        )
    if beside:
        return
    for each in same:
        if not each.complete and each.text in _beside(new, [*complete, each.text], now_ms):
            yield Finding(
                "unfinished-version",
                "warning",
                "previous",
                f"you have also signed {each.contract.version}, which not every party has signed; "
                "if they do, both apply and all parties stop",
            )


def _beside(new: ContractText, others: Sequence[ContractText], now_ms: int) -> list[ContractText]:
    found: dict[bytes, ContractText] = {}
    texts = [new, *others]
    moments = {each.contract.starts_ms for each in texts} | {now_ms}
    for moment in moments:
        if moment < now_ms:
            continue
        live = [t for t in texts if t.contract.starts_ms <= moment < t.contract.ends_ms]
        replaced = {t.contract.previous for t in live}
        left = [t for t in live if t.hash.hex() not in replaced]
        if new in left:
            found.update({t.hash: t for t in left if t is not new})
    return list(found.values())


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
        if shared:
            yield Finding(
                "type-in-two-agreements",
                "error",
                f"event_types.{shared[0]}",
                f"{other.name} {other.version}, which you have signed, has this event type too; "
                "events of it could not be sent under either",
            )


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
