"""Choice of the version of each contract that Kafka's host applies. Pure.

The cluster records which version is applied. Another version is applied automatically only if it
names the applied one as its previous and every party of both has signed. Otherwise the applied one
stays, and the other waits until the operator names its hash.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from broker.errors import RegistryError, TransportError
from broker.operations.kafka_contracts import anchored
from broker.registry.contract_book import ContractBook
from broker.registry.contract_in_force import contract_in_force
from broker.registry.contracts import SignedContract
from broker.registry.manifests import ManifestBook
from broker.transport.applied import AppliedContracts
from broker.transport.provisioning import PARTITIONS_FIX
from contracts.loading import ContractText
from contracts.model import Contract, topic_name

UNCONFIRMED: Final = "contract_unconfirmed"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a contract, for display.

    Attributes:
        version: as the contract states it.
        hash: SHA-256 of its file, hexadecimal.
        parties: ids, in its order.
    """

    version: str
    hash: str
    parties: tuple[str, ...]

    @classmethod
    def of(cls, text: ContractText) -> Version:
        """Of a contract."""
        contract = text.contract
        return cls(contract.version, text.hash.hex(), tuple(p.id for p in contract.parties))


@dataclass(frozen=True, slots=True)
class WaitingVersion:
    """A version that is applied only when the operator names its hash.

    Attributes:
        name: the contract.
        code: `contract_unrecorded`, `contract_not_successor`, `contract_removes_party`,
            `contract_changes_keys`, `contract_changes_partitions`, `contract_ambiguous` or
            `contract_unconfirmed`.
        detail: the reason, in a sentence.
        applied: the version that stays applied; None if none is recorded.
        found: the versions in force in the agency's folder.
    """

    name: str
    code: str
    detail: str
    applied: Version | None
    found: tuple[Version, ...]


@dataclass(frozen=True, slots=True)
class SelectedVersions:
    """Selected versions.

    Attributes:
        applied: versions whose topics and rights Kafka should have.
        begun: those of them that are not recorded yet.
        waiting: versions that need the operator's decision.
        revoking: whether rights that no contract gives may be removed; False while it is unknown
            what was applied before.
    """

    applied: tuple[ContractText, ...]
    begun: tuple[ContractText, ...]
    waiting: tuple[WaitingVersion, ...]
    revoking: bool


def select_versions(
    book: ContractBook,
    applied: AppliedContracts,
    now: int,
    follow: Collection[bytes] = (),
    traces: Collection[str] = (),
    partitions: Mapping[str, int] = MappingProxyType({}),
    *,
    of_a_party: bool = True,
) -> SelectedVersions:
    """Decide which version of each contract Kafka should have. Pure.

    Args:
        book: contracts of the host's folder.
        applied: the recorded versions.
        now: milliseconds since the epoch.
        follow: hashes of versions that the operator has decided to apply.
        traces: names of contracts that have topics on Kafka.
        partitions: their number, by topic of Kafka.
        of_a_party: whether a party has signed what `book` holds. Otherwise the first contract on
            an empty cluster is taken as given, and a later one needs parties that are known.

    Raises:
        TransportError: `kafka_conflict`, a version to be followed changes partitions.
        RegistryError: no version can be applied or waits; or `contract_unknown`.
    """
    names = {signed.contract.name for signed in book.all()} | set(applied.by_name)
    chosen: list[ContractText] = []
    begun: list[ContractText] = []
    waiting: list[WaitingVersion] = []
    followed: set[bytes] = set()
    for name in sorted(names):
        before = applied.by_name.get(name)
        live = book.live(now, name)
        followed |= {signed.hash for signed in live} & set(follow)
        named = [signed for signed in live if signed.hash in follow]
        text: ContractText | None
        if len(named) == 1:
            text = named[0].text
            _require_partitions(before, text.contract, partitions)
        elif before is not None:
            text, waits = _beside_applied(before, live, now, partitions)
            waiting += [waits] if waits else []
        else:
            known = name in traces or name in applied.unreadable
            text, waits = _first(name, live, known=known)
            if text is not None and not of_a_party and applied.by_name:
                text, waits = _known_parties(text, applied)
            waiting += [waits] if waits else []
        if text is None:
            continue
        chosen.append(text)
        if before is None or before.hash != text.hash:
            begun.append(text)
    if unknown := set(follow) - followed:
        raise RegistryError(
            f"No contract in force has the hash {min(unknown).hex()}.",
            code="contract_unknown",
            fix="Give a hash that `concordant kafka plan` shows as waiting.",
        )
    if not chosen and not waiting and not applied.by_name:
        # raises the reason why there is none
        contract_in_force(book, ManifestBook(book.deployment), now)
        raise RegistryError("There is no contract.", code="contract_missing")
    revoking = not any(one.applied is None and one.code != UNCONFIRMED for one in waiting)
    return SelectedVersions(tuple(chosen), tuple(begun), tuple(waiting), revoking)


def _beside_applied(
    before: ContractText,
    live: Sequence[SignedContract],
    now: int,
    partitions: Mapping[str, int],
) -> tuple[ContractText | None, WaitingVersion | None]:
    """Return the result for an applied version: it stays, another replaces it, or waits."""
    others = [signed for signed in live if signed.hash != before.hash]
    if not others:
        contract = before.contract
        over = now >= contract.ends_ms + contract.grace_ms
        return (None if over else before), None
    shown = tuple(Version.of(signed.text) for signed in live)
    if len(live) > 1:
        code, why = "contract_ambiguous", "several versions apply at once"
    else:
        after = others[0]
        obstacle = _obstacle(before.contract, before.hash, after.contract, partitions)
        if obstacle is None:
            return after.text, None
        code, why = obstacle
    return before, WaitingVersion(before.contract.name, code, why, Version.of(before), shown)


def _obstacle(
    before: Contract, before_hash: bytes, after: Contract, partitions: Mapping[str, int]
) -> tuple[str, str] | None:
    """Return why a version does not replace the applied one automatically.

    All its parties have signed.
    """
    removed = [party.id for party in before.parties if after.party(party.id) is None]
    if removed:
        return "contract_removes_party", f"it removes {', '.join(removed)}"
    if before_hash not in after.previous_hashes:
        return "contract_not_successor", "it does not name the applied version as its previous"
    # A party of both has signed only if it still owns the keys that the applied version pins.
    keys = [
        party.id
        for party in before.parties
        if before.governance_keys[party.id] != after.governance_keys[party.id]
    ]
    if keys:
        return "contract_changes_keys", f"it pins other governance keys for {', '.join(keys)}"
    # Kafka cannot apply it, and a plan that stops there would not remove other rights either.
    moved = _moved(before, after, partitions)
    if moved:
        names = ", ".join(moved)
        return "contract_changes_partitions", f"it changes the number of partitions of {names}"
    return None


def _moved(before: Contract | None, after: Contract, partitions: Mapping[str, int]) -> list[str]:
    """Return topics with another number of partitions in the applied version, or on Kafka.

    Kafka keeps the topic of an ended version, so a later version can meet it again.
    """
    moved = []
    for logical, topic in after.topics.items():
        applied = None if before is None else before.topics.get(logical)
        on_kafka = partitions.get(topic_name(after, logical), topic.partitions)
        if on_kafka != topic.partitions or (
            applied is not None and applied.partitions != topic.partitions
        ):
            moved.append(logical)
    return sorted(moved)


def _require_partitions(
    before: ContractText | None, after: Contract, partitions: Mapping[str, int]
) -> None:
    """Refuse a version that Kafka cannot apply, before anything is changed.

    Raises:
        TransportError: `kafka_conflict`.
    """
    moved = _moved(None if before is None else before.contract, after, partitions)
    if moved:
        raise TransportError(
            f"{after.name} {after.version} changes the number of partitions of "
            f"{', '.join(moved)}, which never changes.",
            code="kafka_conflict",
            fix=PARTITIONS_FIX,
        )


def _first(
    name: str, live: Sequence[SignedContract], *, known: bool
) -> tuple[ContractText | None, WaitingVersion | None]:
    """Return the state of a contract of which no version is recorded."""
    shown = tuple(Version.of(signed.text) for signed in live)
    if len(live) > 1:
        why = "several versions apply at once"
        return None, WaitingVersion(name, "contract_ambiguous", why, None, shown)
    if known and live:
        why = "Kafka has topics of this contract, but no record of which version was applied"
        return None, WaitingVersion(name, "contract_unrecorded", why, None, shown)
    return (live[0].text if live else None), None


def _known_parties(
    text: ContractText, applied: AppliedContracts
) -> tuple[ContractText | None, WaitingVersion | None]:
    """Return a new contract of a bundle if parties of applied contracts have signed it."""
    if anchored(text.contract, applied.by_name):
        return text, None
    why = (
        "no party of it has the governance keys that an applied contract pins for it, or a party "
        "has other keys there"
    )
    return None, WaitingVersion(text.contract.name, UNCONFIRMED, why, None, (Version.of(text),))
