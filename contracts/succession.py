"""Checks of a new version against the versions that a party has already signed.

A version replaces every version that it names as `previous`. A party signs no version that does not
name each version that it has signed, so two complete versions never apply beside each other. Pure:
texts and dates in, findings out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from contracts.findings import Finding
from contracts.lint_rules import finding
from contracts.loading import ContractText
from contracts.model import SIGNING_LIMIT_MS, Contract
from contracts.vocabulary.comparison import compare_vocabularies, less_sensitive

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
        yield finding("status-draft", "draft", "status")
    if now_ms >= contract.ends_ms:
        yield finding("expired", "ended", "ends", ends=contract.ends)
    elif now_ms > contract.starts_ms + SIGNING_LIMIT_MS:
        yield finding("signed-late", "late", "starts", starts=contract.starts)


def _version_number(new: ContractText, same: Sequence[HeldVersion]) -> Iterator[Finding]:
    contract = new.contract
    for each in same:
        if _number(each.contract.version) == _number(contract.version):
            name = f"{contract.name} {each.contract.version}"
            yield finding(
                "version-repeated", "repeated", "version", name=name, hash=each.text.hash.hex()
            )
    before = previous_of(new, same)
    if before is not None and _number(contract.version) < _number(before.contract.version):
        yield finding("version-not-newer", "lower", "version", before=before.contract.version)


def _previous(
    new: ContractText, same: Sequence[HeldVersion], without_us: Collection[bytes]
) -> Iterator[Finding]:
    """Require that the text names every version of this name that this party has signed.

    Otherwise both could take effect, and readers would judge records by both.
    """
    contract = new.contract
    held = {each.text.hash for each in same}
    if not held >= set(contract.previous_hashes) - set(without_us):
        yield finding("previous-not-held", "not-held", "previous")
    lacking = [each for each in same if each.text.hash not in contract.previous_hashes]
    if lacking:
        named = ", ".join(f"{each.contract.version} {each.text.hash.hex()}" for each in lacking)
        yield finding("previous-missing", "missing", "previous", named=named)
    before = previous_of(new, same)
    if before is not None:
        yield from _against_previous(contract, before.contract)


def _against_previous(contract: Contract, before: Contract) -> Iterator[Finding]:
    if contract.ends < before.ends:
        yield finding(
            "ends-before-previous",
            "earlier",
            "ends",
            ends=contract.ends,
            before=before.version,
            before_ends=before.ends,
        )
    if contract.starts > before.ends:
        yield finding(
            "gap",
            "gap",
            "starts",
            before=before.version,
            before_ends=before.ends,
            starts=contract.starts,
        )
    if contract.pins.vocabulary != before.pins.vocabulary:
        changes = compare_vocabularies(before.vocabulary, contract.vocabulary)
        for broken in (each for each in changes if each.breaks):
            if broken.lowered is not None:
                was, now = broken.lowered
                yield finding(
                    "sensitivity-lowered",
                    "vocabulary-below-previous",
                    "pins.vocabulary",
                    path=broken.path,
                    was=was,
                    now=now,
                )
                continue
            yield finding(
                "vocabulary-breaks",
                "breaks",
                "pins.vocabulary",
                path=broken.path,
                text=broken.text,
            )
    yield from _lowered(contract, before)


def _lowered(contract: Contract, before: Contract) -> Iterator[Finding]:
    """Name fields that the version before treated with more care, and the vocabulary does not."""
    for name, terms in contract.event_types.items():
        earlier = before.event_types.get(name)
        form = contract.vocabulary.event_types.get(name)
        for path, field in terms.fields.items() if earlier is not None else ():
            was = earlier.fields.get(path) if earlier is not None else None
            leaf = form.leaves.get(path) if form is not None else None
            stated = leaf.form.sensitivity if leaf is not None else None
            if was is None or not less_sensitive(was.sensitivity, field.sensitivity):
                continue
            if stated is not None and less_sensitive(stated, field.sensitivity):
                continue  # `lint` names it as below the vocabulary
            yield finding(
                "sensitivity-lowered",
                "below-previous",
                f"event_types.{name}.fields.{path}",
                was=was.sensitivity,
                now=field.sensitivity,
                version=before.version,
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
                yield finding(
                    "partitions-changed",
                    "changed",
                    f"topics.{name}.partitions",
                    before=before.partitions,
                    version=earlier.version,
                    now=topic.partitions,
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
                yield finding(
                    "type-in-two-agreements",
                    "two",
                    f"event_types.{name}",
                    other=f"{other.name} {other.version}",
                    first=pair[0],
                    second=pair[1],
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
