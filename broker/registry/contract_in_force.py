"""Look-up of the contract that applies, and of its status at a given time.

A sender looks the contract up by event type and addressees (`contract_for_event`). A reader uses
the hash in a record, and a command the name of the contract (`contract_in_force`). All get a
`ContractInForce` (docs/spec/contract-signatures.md).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from broker.errors import RegistryError
from broker.registry.contract_book import ContractBook
from broker.registry.contracts import SignedContract, require_signed
from broker.registry.manifests import ManifestBook
from contracts.errors import EventError
from contracts.loading import ContractText
from contracts.model import Contract, topic_name, trial_topic_name
from contracts.status import ContractStatus, Departure, contract_status


@dataclass(frozen=True, slots=True)
class SuccessorVersion:
    """A version that all parties have signed, and that replaces another one.

    Attributes:
        contract: its terms.
        effect: time (ms) from which it has effect.
        until: time (ms) up to which records under the replaced version are still accepted: the end
            of the changeover.
    """

    contract: Contract
    effect: int
    until: int


@dataclass(slots=True, eq=False)
class ContractInForce:
    """A contract that all parties have signed, with their suspensions and departures.

    Attributes:
        signed: the contract and its signatures.
        departures: suspensions and departures in the parties' manifests. Some have ended, and some
            begin later.
        trial: True if `topics` includes the test topics of `event seal`.
        successors: signed versions that replace this one.
        elsewhere: maps each agency that is a party of another signed version only, not of this
            one, to a code: `other_version` if the other version replaces this one, otherwise
            `not_a_party`.
        topics: full names of the Kafka topics of this contract.
        contract: the contract's terms.
        effect: time (ms) from which the contract has effect (spec: contracts).
        reference: name, version and hash (hexadecimal) for events that were opened under it.
    """

    signed: SignedContract
    departures: tuple[Departure, ...] = ()
    trial: bool = False
    successors: tuple[SuccessorVersion, ...] = ()
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    _stops: Mapping[str, tuple[Departure, ...]] = field(init=False, repr=False)
    topics: frozenset[str] = field(init=False)
    contract: Contract = field(init=False, repr=False)  # attributes, as every record needs them
    effect: int = field(init=False)
    reference: tuple[str, str, str] = field(init=False, repr=False)
    _moments: tuple[int, ...] = field(init=False, repr=False)
    _status: tuple[int, int, ContractStatus] | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        """Compute the topics, and the times at which the status changes."""
        contract = self.contract = self.signed.text.contract
        self.reference = (contract.name, contract.version, self.signed.hash.hex())
        effect = self.signed.effect
        self.effect = contract.starts_ms if effect is None else effect
        names = (topic_name, trial_topic_name) if self.trial else (topic_name,)
        self.topics = frozenset(name(contract, each) for each in contract.topics for name in names)
        stops: dict[str, tuple[Departure, ...]] = {}
        moments = {contract.starts_ms, contract.ends_ms, self.effect}
        for one in self.departures:
            stops[one.agency] = (*stops.get(one.agency, ()), one)
            moments |= {one.since_ms, one.since_ms if one.until_ms is None else one.until_ms}
        self._stops = stops
        self._moments = tuple(sorted(moments))

    @property
    def text(self) -> ContractText:
        """Return the contract and its exact bytes."""
        return self.signed.text

    @property
    def hash(self) -> bytes:
        """Return SHA-256 of the contract file's exact bytes."""
        return self.signed.text.hash

    def replaced_by(
        self, source: str, reader: str, log_time: int
    ) -> tuple[SuccessorVersion, ...] | None:
        """Return the newer versions whose terms also limit what the reader gets from a record.

        None if the record must be refused, because its version has been replaced.

        Args:
            source: the sender.
            reader: the reader.
            log_time: of the record, ms.
        """
        if not self.successors:
            return ()
        found: list[SuccessorVersion] = []
        for one in self.successors:
            parties = one.contract.by_id
            if log_time < one.effect or not {source, reader} & parties.keys():
                continue
            if not {source, reader} <= parties.keys() or log_time >= one.until:
                return None
            found.append(one)
        return tuple(found)

    def stops(self, agency: str) -> tuple[Departure, ...]:
        """Return every suspension and departure of a party that covers this version."""
        return self._stops.get(agency, ())

    def stop_at(self, agency: str, moment: int) -> Departure | None:
        """Return the departure or suspension of a party that holds at a time (ms), or None.

        If the party has left and has also suspended its part at that time, return the departure.
        """
        stops = self._stops.get(agency)
        if stops is None:
            return None
        return min(
            (one for one in stops if one.holds_at(moment)),
            key=lambda one: (one.state != "left", one.since_ms),
            default=None,
        )

    def status(self, now: int) -> ContractStatus:
        """Return the contract's status at `now` (ms).

        The status is cached until it can change, because a sender needs it for each event.
        """
        kept = self._status
        if kept is None or not kept[0] <= now < kept[1]:
            begins = max((moment for moment in self._moments if moment <= now), default=now)
            ends = min((moment for moment in self._moments if moment > now), default=now + 1)
            found = contract_status(
                self.contract, self.signed.parties, self.departures, now, self.signed.effect
            )
            kept = self._status = (begins, ends, found)
        return kept[2]


def contract_in_force(
    contracts: ContractBook,
    manifests: ManifestBook,
    now: int = 0,
    *,
    name: str | None = None,
    contract_hash: bytes | None = None,
    trial: bool = False,
) -> ContractInForce:
    """Return the contract that applies at a time, or the contract with a given hash.

    If version B names the hash of version A under `previous`, B replaces A from the time at which B
    takes effect: all parties have signed B, and its first day has begun.
    A suspension or departure does not change this look-up. `contracts.decision` checks the status
    for senders, and step 6 checks `stop_at` for readers.

    Args:
        contracts: the contracts of this agency.
        manifests: the parties' manifests, which state suspensions and departures.
        now: milliseconds since the epoch. Not used with a hash, because a record is judged at its
            log time.
        name: the contract's name. Not needed if there is only one. Give `name` or `contract_hash`.
        contract_hash: SHA-256 of the contract's file.
        trial: True to include the test topics of `event seal`.

    Raises:
        RegistryError: `contract_missing`, `contract_unsigned` (names the missing parties),
            `contract_not_started`, `contract_expired`, `contract_ambiguous`; `contract_unknown`:
            no contract with this hash has all signatures.
    """
    if contract_hash is not None:
        signed = contracts.by_hash(contract_hash)
        if signed is None or signed.missing:
            raise RegistryError(
                "No contract with this hash has all signatures.", code="contract_unknown"
            )
    else:
        signed = _applying(contracts, now, name)
    return ContractInForce(
        signed,
        (*contracts.departures(signed.text, manifests), *contracts.partings(signed.text)),
        trial,
        tuple(_successor(contracts, one) for one in contracts.successors(signed.hash)),
        _elsewhere(contracts, signed),
    )


def contract_for_event(
    contracts: ContractBook,
    manifests: ManifestBook,
    event_type: str,
    addressed: Collection[str],
    now: int,
) -> ContractInForce:
    """Return the contract under which an event is sealed.

    If several agreements in force have the event type, it is the one of which every addressed
    agency is a party (docs/spec/contracts.md, "Which contract"). For example, the agreements of two
    boroughs have the same types.

    Args:
        contracts: the contracts of this agency.
        manifests: the parties' manifests, which state suspensions and departures.
        event_type: type of the event.
        addressed: ids of the addressed agencies.
        now: milliseconds since the epoch.

    Raises:
        RegistryError: as `contract_in_force`.
        EventError: `type_unknown`: no contract has the event type; `contract_ambiguous`: several
            have it, and the addressed agencies do not decide between them.
    """
    trusted = contracts.trusted()
    names = {one.contract.name for one in trusted if event_type in one.contract.event_types}
    if not names and trusted:
        raise EventError("no contract has this event type", code="type_unknown")
    name = min(names, default=None)
    if len(names) > 1:
        having = [one for one in contracts.live(now) if event_type in one.contract.event_types]
        if having:  # otherwise the first name says why none is in force
            name = _of_addressed(contracts, manifests, having, event_type, addressed, now)
    return contract_in_force(contracts, manifests, now, name=name)


def _of_addressed(
    contracts: ContractBook,
    manifests: ManifestBook,
    live: Sequence[SignedContract],
    event_type: str,
    addressed: Collection[str],
    now: int,
) -> str:
    """Return the name of the only agreement of which all addressed agencies are parties.

    An agency that has left one of them decides too. If no agreement has them all, former parties
    count, because an event is sealed without them. An agency of none of them decides nothing.
    """
    if len({one.contract.name for one in live}) == 1:
        return live[0].contract.name
    known = {
        agency
        for one in live
        for agency in one.contract.by_id.keys() | _elsewhere(contracts, one).keys()
    }
    own, wanted = contracts.agency, known.intersection(addressed)
    if not wanted:  # a mistake of the event, which `contracts.decision.decide` refuses
        return live[0].contract.name
    all_of = [one for one in live if wanted <= one.contract.by_id.keys()]
    found = {
        one.contract.name
        for one in all_of
        if not _left(contracts.status_of(one, manifests, now), {own, *wanted})
    } or {one.contract.name for one in all_of}
    if not found:
        found = {
            one.contract.name
            for one in live
            if wanted <= one.contract.by_id.keys() | _elsewhere(contracts, one).keys()
        }
    if len(found) == 1:
        return found.pop()
    agreements = " and ".join(sorted(f"{one.contract.name} {one.contract.version}" for one in live))
    why, what = (
        (
            "Each has all addressed agencies",
            "Revise one of these agreements so that it no longer has this event type, or no longer "
            "has these agencies",
        )
        if found
        else (
            "None of them has all addressed agencies",
            "Send one event for the agencies of each agreement",
        )
    )
    raise EventError(
        f"{event_type} is an event type of the agreements {agreements}. {why}. {what}.",
        code="contract_ambiguous",
    )


def _left(status: ContractStatus, agencies: Collection[str]) -> bool:
    """Return whether one of these agencies has left."""
    departed = status.departed
    return any(one in departed and departed[one].state == "left" for one in agencies)


def _elsewhere(contracts: ContractBook, signed: SignedContract) -> Mapping[str, str]:
    """Return the agencies that are parties of other versions only, each with its code."""
    found: dict[str, str] = {}
    for one in contracts.trusted():
        if one.contract.name != signed.contract.name:
            continue
        newer = signed.hash in one.contract.previous_hashes
        for agency in one.contract.by_id.keys() - signed.contract.by_id.keys():
            if newer or agency not in found:
                found[agency] = "other_version" if newer else "not_a_party"
    return found


def _successor(contracts: ContractBook, signed: SignedContract) -> SuccessorVersion:
    assert signed.effect is not None  # every party has signed
    held_since = max(signed.effect, contracts.completed.get(signed.hash, signed.effect))
    return SuccessorVersion(
        signed.contract, signed.effect, held_since + signed.contract.changeover_ms
    )


def _applying(contracts: ContractBook, now: int, name: str | None) -> SignedContract:
    known = [one for one in contracts.all() if name is None or one.contract.name == name]
    if not known:
        raise RegistryError(
            "There is no contract" + (f" called {name}." if name else "."),
            code="contract_missing",
            where="contracts/",
            fix="Add the contract and its signatures: concordant bundle add --agency DIR FILE",
        )
    live = contracts.live(now, name)
    if not live:
        raise _none_in_force(known[-1], now)
    if len(live) > 1:
        names = " and ".join(f"{s.contract.name} {s.contract.version}" for s in live)
        raise RegistryError(
            f"Several contracts are in force at the same time: {names}.",
            code="contract_ambiguous",
            where=", ".join(s.text.where for s in live),
            fix=_both_apply(live),
        )
    return live[0]


def _none_in_force(latest: SignedContract, now: int) -> RegistryError:
    contract = latest.contract
    named = f"The contract {contract.name} {contract.version}"
    if now >= contract.ends_ms:
        return RegistryError(
            f"{named} has expired.",
            code="contract_expired",
            where=latest.text.where,
            fix="Agree on a new version with the other parties. Every party must sign it.",
        )
    try:
        require_signed(latest)
    except RegistryError as error:
        return error
    return RegistryError(
        f"{named} is not in force yet. It starts on {contract.starts}.",
        code="contract_not_started",
        where=latest.text.where,
    )


def _both_apply(live: Sequence[SignedContract]) -> str:
    """Return the next step for contracts that apply at the same time.

    It never proposes to remove a file: the records under a contract open only with its file.
    """
    if len({signed.contract.name for signed in live}) > 1:
        return "Choose one of them with the option --contract of the command."
    ends = min(signed.contract.ends for signed in live)
    return (
        "Keep all files: each is needed to open the records that were sent under it. Nothing can "
        f"be sent until the first of them ends, on {ends}. Make the next version with: concordant "
        "contract revise. This command records in the new version which version it replaces."
    )
