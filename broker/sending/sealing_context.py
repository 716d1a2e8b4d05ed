"""Contract in force and reachable agencies for an `EventSealer`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from broker.agency.participant import Participant
from broker.envelope.sealing import WrapRecipient
from broker.errors import RegistryError
from broker.registry.contract_book import ContractBook
from broker.registry.contract_in_force import ContractInForce, contract_for_event
from broker.registry.manifests import ManifestBook
from broker.registry.newest_manifests import Awaited, not_sealed_until
from broker.sending.addressees import Addressees, find_addressees
from broker.sending.sealing import EventSealer
from contracts.vocabulary import Vocabulary

_MAX_ANSWERS: Final = 1_024
"""Maximum number of event types with addressees whose answers are cached."""


class SealingContext:
    """Contract in force, exchange keys and reachable agencies, for one sender.

    They are needed for every event. An answer is cached until the books change or a known time
    passes: the start, effect or end of a contract, the start or end of a key, an expiry, a
    departure, a day without a manifest that a heartbeat names.
    """

    def __init__(self, contracts: ContractBook, manifests: ManifestBook) -> None:
        self.contracts = contracts
        self.manifests = manifests
        self._awaited: Mapping[str, Awaited] = {}
        self._keys: dict[tuple[str, bytes], WrapRecipient] = {}
        self._answers = _Answers(contracts, manifests, self._awaited, 0)

    def await_manifests(self, awaited: Mapping[str, Awaited]) -> None:
        """Seal nothing to agencies whose newest manifest is missing, for a day at most."""
        if awaited != self._awaited:
            self._awaited = awaited

    def contract_in_force(
        self, event_type: str, addressed: Sequence[str], now: int
    ) -> ContractInForce:
        """The contract in force that has this event type, for these addressed agencies.

        Raises:
            RegistryError: there is no contract, or several versions at once.
            EventError: ``type_unknown``, ``contract_ambiguous``.
        """
        known = self._current(now).in_force
        place = (event_type, tuple(addressed))
        found = known.get(place)
        if found is None:
            found = contract_for_event(self.contracts, self.manifests, event_type, addressed, now)
            if len(known) >= _MAX_ANSWERS:
                known.clear()
            known[place] = found
        return found

    def addressees(self, event_type: str, addressed: Sequence[str], now: int) -> Addressees:
        """Return which of the addressed agencies an event of this type reaches now.

        Only an answer without a missing agency is cached.

        Raises:
            RegistryError: there is no contract, or several versions at once.
            EventError: ``type_unknown``, ``contract_ambiguous``.
        """
        known = self._current(now).addressees
        place = (event_type, tuple(addressed))
        found = known.get(place)
        if found is None:
            in_force = self.contract_in_force(event_type, addressed, now)
            found = find_addressees(in_force, self.exchange_key, addressed, now)
            if len(found.keys) == len(addressed):
                if len(known) >= _MAX_ANSWERS:
                    known.clear()
                known[place] = found
        return found

    def vocabularies(self) -> tuple[Vocabulary, ...]:
        """Return the vocabularies of all contracts that are held, each once."""
        return tuple(dict.fromkeys(one.contract.vocabulary for one in self.contracts.all()))

    def stopped_topics(self, agency: str, now: int) -> frozenset[str]:
        """Return topics of contracts in which an agency takes no part now.

        An event that was sealed before waits: what the agency logs now would be refused.
        """
        answers = self._current(now)
        if answers.stopped is None:
            taking, stopped = set[str](), set[str]()
            for signed in self.contracts.live(now):
                found = self.contracts.departures(signed.text, self.manifests)
                out = any(one.agency == agency and one.holds_at(now) for one in found)
                (stopped if out else taking).update(self.contracts.topics(signed))
            answers.stopped = frozenset(stopped - taking)
        return answers.stopped

    def exchange_key(self, agency: str, now: int) -> WrapRecipient:
        """Return a recipient's current exchange key, as a cached object.

        Raises:
            RegistryError: it has none that is valid now.
        """
        known = self._current(now).keys
        held = known.get(agency)
        if held is None:
            held = known[agency] = self._exchange_key(agency, now)
        return held

    def _current(self, now: int) -> _Answers:
        answers = self._answers
        if (
            not answers.begins <= now < answers.ends
            or answers.contracts is not self.contracts
            or answers.manifests is not self.manifests
            or answers.awaited is not self._awaited
        ):
            answers = _Answers(self.contracts, self.manifests, self._awaited, now)
            self._answers = answers
        return answers

    def _exchange_key(self, agency: str, now: int) -> WrapRecipient:
        if now < self._answers.not_sealed.get(agency, now):
            raise RegistryError(
                f"The newest manifest of {agency} has not come: nothing is sealed to it now.",
                code="manifest_not_received",
                fix=f"The adapter has asked {agency} for it. If it does not come, telephone the "
                "agency, then the host of Kafka.",
            )
        key = self.manifests.exchange_key(agency, now)
        name = (agency, key.kid)  # two agencies may list the same public key
        held = self._keys.get(name)
        if held is None:
            held = self._keys[name] = WrapRecipient(agency, key.kid, key.sealer())
        return held


class _Answers:
    """Cached answers of two books between two times (ms) at which an answer may change."""

    __slots__ = (
        "addressees",
        "awaited",
        "begins",
        "contracts",
        "ends",
        "in_force",
        "keys",
        "manifests",
        "not_sealed",
        "stopped",
    )

    def __init__(
        self,
        contracts: ContractBook,
        manifests: ManifestBook,
        awaited: Mapping[str, Awaited],
        now: int,
    ) -> None:
        self.contracts = contracts
        self.manifests = manifests
        self.awaited = awaited
        self.not_sealed = not_sealed_until(manifests, awaited)
        moments = [*_contract_moments(contracts), *_manifest_moments(manifests)]
        moments += self.not_sealed.values()
        self.begins = max((moment for moment in moments if moment <= now), default=now)
        self.ends = min((moment for moment in moments if moment > now), default=now + 1)
        self.in_force: dict[tuple[str, tuple[str, ...]], ContractInForce] = {}
        self.keys: dict[str, WrapRecipient] = {}
        self.addressees: dict[tuple[str, tuple[str, ...]], Addressees] = {}
        self.stopped: frozenset[str] | None = None


def _contract_moments(contracts: ContractBook) -> Iterator[int]:
    for signed in (*contracts.all(), *contracts.others()):
        yield signed.contract.starts_ms
        yield signed.contract.ends_ms
        for note in signed.notes:  # effect and leaving by signature follow from these times
            yield note.time


def _manifest_moments(manifests: ManifestBook) -> Iterator[int]:
    for verified in manifests.all():
        yield verified.manifest.issued
        yield verified.manifest.expires
        for key in verified.manifest.keys:
            yield key.not_before
            yield key.not_after
        for entry in verified.manifest.standing:
            yield entry.since
            if entry.until is not None:
                yield entry.until


def event_sealer(participant: Participant) -> EventSealer:
    """Return a sealer for a loaded participant. Unlocks the key for pseudonyms."""
    context = SealingContext(participant.contracts, participant.manifests)
    return EventSealer(
        participant.deployment,
        participant.agency,
        participant.keyring.secret(),
        context.addressees,
        context.vocabularies,
    )
