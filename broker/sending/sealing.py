"""Sealing of an event in four steps: find the contract, decide, form groups, encrypt.

docs/spec/contracts.md defines the decision. docs/spec/envelope.md defines the encryption. This
module writes nothing. broker/sending/publishing.py writes the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from broker import pseudonyms
from broker.envelope.canonical import CanonicalError, format_json
from broker.envelope.layout import LayoutError
from broker.envelope.sealing import Draft, ExchangeKey, Sealer, draft
from broker.event import JSON
from broker.registry.contract_in_force import ContractInForce
from contracts.decision import Decision, decide, without_ungranted
from contracts.errors import EventError
from contracts.events import PlainEvent
from contracts.model import topic_name
from contracts.policy import FieldDecision, Grouping, LeftOut
from contracts.values import value_class
from contracts.vocabulary import vocabulary


@value_class(frozen=True, slots=True)
class Prepared:
    """An event that passed all checks and is ready for encryption.

    Attributes:
        event_id: UUID in text.
        topic: the Kafka topic.
        partition: derived from the case id, so that events of one case keep their order.
        draft: input of the encryption.
        decision: decision for each field.
        in_force: the contract in force.
        case_id: shared id of the case.
    """

    event_id: str
    topic: str
    partition: int
    draft: Draft
    decision: Decision
    in_force: ContractInForce
    case_id: str


@value_class(frozen=True, slots=True)
class Sealed:
    """An encrypted event. The relay adds its index and signature later.

    Attributes:
        event_id: UUID in text.
        topic: the Kafka topic.
        partition: derived from the case id.
        value: encrypted bytes, the value of the later Kafka record.
        decision: decision for each field.
        in_force: the contract in force.
        case_id: shared id of the case.
    """

    event_id: str
    topic: str
    partition: int
    value: bytes
    decision: Decision
    in_force: ContractInForce
    case_id: str


class EventSealer:
    """Checks events against the contract and encrypts them, with one cached sealer a contract.

    Args:
        deployment: name of the deployment.
        agency: the sender.
        secret: the sender's 32-byte key, from which event ids, pseudonyms and partitions follow.
        contract_in_force: (event type, now in ms) -> the contract in force that defines this type.
            Raises EventError or RegistryError.
        exchange_key: (agency, now in ms) -> its current exchange key. Raises RegistryError.
    """

    def __init__(
        self,
        deployment: str,
        agency: str,
        secret: bytes,
        contract_in_force: Callable[[str, int], ContractInForce],
        exchange_key: Callable[[str, int], ExchangeKey],
    ) -> None:
        self._deployment = deployment
        self.agency = agency
        self.secret = secret
        self._contract_in_force = contract_in_force
        self._exchange_key = exchange_key
        self._sealers: dict[bytes, Sealer] = {}

    def decide(
        self, event: PlainEvent, now: int, *, leave_out: bool = False
    ) -> tuple[ContractInForce, Decision]:
        """Check one event against the contract: may it be sent, and who gets which field.

        Args:
            event: type, recipients, data.
            now: ms; the event's time.
            leave_out: whether to leave out fields that the contract does not allow, instead of
                refusing the event.

        Raises:
            EventError: the contract does not permit it; ``code`` is the reason.
        """
        in_force = self._contract_in_force(event.type, now)
        contract = in_force.contract
        gone: tuple[FieldDecision, ...] = ()
        if leave_out:
            event, gone = without_ungranted(contract, self.agency, event)
        decision = decide(contract, in_force.status(now), self.agency, event.recipients, event, now)
        if not decision.permitted:
            denied = EventError(decision.detail, code=decision.code)
            denied.clause = decision.clause
            raise denied
        if gone:
            decision = replace(
                decision,
                fields=(*decision.fields, *gone),
                left_out=(
                    *decision.left_out,
                    *(
                        LeftOut(field.path, agency, field.reason)
                        for field in gone
                        for agency in sorted(event.recipients)
                    ),
                ),
            )
        return in_force, decision

    def prepare(
        self,
        event: PlainEvent,
        now: int,
        source_key: bytes | None = None,
        *,
        leave_out: bool = False,
    ) -> Prepared:
        """Check one event and serialise its groups. `seal_prepared` then checks nothing more.

        Args:
            event: type, recipients, data.
            now: ms; the event's time.
            source_key: the source's idempotency key, if it has one.
            leave_out: see ``decide``.

        Raises:
            EventError: the contract does not permit it, or it is too large; ``code`` is the reason.
            RegistryError: a recipient has no valid key at the moment.
        """
        in_force, decision = self.decide(event, now, leave_out=leave_out)
        contract = in_force.contract
        event_id = pseudonyms.event_id(self.secret, source_key)
        layout = decision.grouping
        assert layout is not None  # a permitted decision has it
        flat = decision.flat
        to = sorted(event.recipients)
        try:
            groups = _groups(flat, layout)
            head: dict[str, JSON] = {"data": groups[0], "to": list(to), "type": event.type}
            texts = [format_json(head), *[format_json(group) for group in groups[1:]]]
            recipients = [(self._exchange_key(agency, now), decision.keys[agency]) for agency in to]
            drafted = draft(event_id, now, texts, recipients, layout.bound)
        except CanonicalError as error:
            raise EventError(f"A value cannot be sent: {error}", code="event_invalid") from None
        except LayoutError as error:
            raise EventError(f"The event cannot be sealed: {error}", code=error.code) from None
        terms = contract.event_types[event.type]
        case_id = flat[vocabulary().case]
        assert isinstance(case_id, str)
        return Prepared(
            drafted.event_text,
            topic_name(contract, terms.topic),
            pseudonyms.partition(self.secret, case_id, contract.topics[terms.topic].partitions),
            drafted,
            decision,
            in_force,
            case_id,
        )

    def seal_prepared(self, prepared: Sequence[Prepared]) -> list[bytes]:
        """Encrypt prepared events, and return the value of each.

        A caller first prepares all events of a batch and then encrypts them. Alternating is about
        20 % slower, because each step fills the processor's cache (docs/benchmarks.md).
        """
        return [self._sealer(one.in_force.hash).seal(one.draft) for one in prepared]

    def seal(
        self,
        event: PlainEvent,
        now: int,
        source_key: bytes | None = None,
        *,
        leave_out: bool = False,
    ) -> Sealed:
        """Check and encrypt one event. ``prepare`` lists the errors."""
        one = self.prepare(event, now, source_key, leave_out=leave_out)
        (value,) = self.seal_prepared((one,))
        return Sealed(
            one.event_id,
            one.topic,
            one.partition,
            value,
            one.decision,
            one.in_force,
            one.case_id,
        )

    def _sealer(self, contract_hash: bytes) -> Sealer:
        sealer = self._sealers.get(contract_hash)
        if sealer is None:
            sealer = Sealer(self._deployment, contract_hash, self.agency)
            self._sealers[contract_hash] = sealer
        return sealer


def _groups(flat: Mapping[str, JSON], layout: Grouping) -> list[dict[str, JSON]]:
    groups: list[dict[str, JSON]] = [{} for _ in layout.readers]
    group_of = layout.group_of
    for path, value in flat.items():
        groups[group_of[path]][path] = value
    return groups
