"""Sealing of an event in four steps: find the contract, decide, form groups, encrypt.

docs/spec/contracts.md defines the decision. docs/spec/envelope.md defines the encryption. This
module writes nothing. broker/sending/publishing.py writes the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from broker import pseudonyms
from broker.envelope.canonical import CanonicalError, format_json
from broker.envelope.layout import MAX_RECIPIENTS, LayoutError
from broker.envelope.sealing import Draft, ExchangeKey, Sealer, draft
from broker.event import JSON
from broker.registry.contract_in_force import ContractInForce
from contracts.decision import Decision, decide, without_ungranted
from contracts.errors import EventError
from contracts.events import PlainEvent
from contracts.model import topic_name
from contracts.policy import FieldDecision, Grouping, LeftOut
from contracts.schema import unflatten
from contracts.values import value_class
from contracts.vocabulary import vocabulary


@value_class(frozen=True, slots=True)
class Prepared:
    """An event that passed all checks and is ready for encryption.

    Attributes:
        event_id: UUID in text.
        topic: the Kafka topic.
        partition: derived from the case id, so that events of one case keep their order.
        drafts: input of the encryption of each record. There is one, unless the event has more
            recipients than a record can have.
        decision: decision for each field and all recipients.
        in_force: the contract in force.
        case_id: shared id of the case.
    """

    event_id: str
    topic: str
    partition: int
    drafts: tuple[Draft, ...]
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
        values: encrypted bytes, the value of each later Kafka record.
        decision: decision for each field.
        in_force: the contract in force.
        case_id: shared id of the case.
    """

    event_id: str
    topic: str
    partition: int
    values: tuple[bytes, ...]
    decision: Decision
    in_force: ContractInForce
    case_id: str

    @property
    def value(self) -> bytes:
        """Return the value of the only record."""
        (value,) = self.values
        return value


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
        self,
        event: PlainEvent,
        now: int,
        *,
        leave_out: bool = False,
        addressed: tuple[str, ...] | None = None,
    ) -> tuple[ContractInForce, Decision]:
        """Check one event against the contract: may it be sent, and who gets which field.

        Args:
            event: type, recipients, data.
            now: ms; the event's time.
            leave_out: whether to leave out fields that the contract does not allow, instead of
                refusing the event.
            addressed: every agency to which the event is addressed, if its recipients are only some
                of them.

        Raises:
            EventError: the contract does not permit it; ``code`` is the reason.
        """
        in_force = self._contract_in_force(event.type, now)
        contract = in_force.contract
        gone: tuple[FieldDecision, ...] = ()
        if leave_out:
            recipients = event.recipients
            event = replace(event, recipients=addressed or recipients)
            event, gone = without_ungranted(contract, self.agency, event)
            event = replace(event, recipients=recipients)
        decision = self._decide(event, in_force, now, event.recipients, addressed)
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

    def _decide(
        self,
        event: PlainEvent,
        in_force: ContractInForce,
        now: int,
        recipients: tuple[str, ...],
        addressed: tuple[str, ...] | None,
    ) -> Decision:
        status = in_force.status(now)
        return decide(
            in_force.contract, status, self.agency, recipients, event, now, addressed=addressed
        )

    def prepare(
        self,
        event: PlainEvent,
        now: int,
        source_key: bytes | None = None,
        *,
        leave_out: bool = False,
        addressed: tuple[str, ...] | None = None,
        copy_of: UUID | None = None,
    ) -> Prepared:
        """Check one event and serialise its groups. `seal_prepared` then checks nothing more.

        Args:
            event: type, recipients, data.
            now: ms; the event's time.
            source_key: the source's idempotency key, if it has one.
            leave_out: see ``decide``.
            addressed: see ``decide``.
            copy_of: id of the event that was sealed before to other agencies. The record then gets
                an id in the clear of its own, and group 0 holds this one.

        Raises:
            EventError: the contract does not permit it, or it is too large; ``code`` is the reason.
            RegistryError: a recipient has no valid key at the moment.
        """
        in_force, decision = self.decide(event, now, leave_out=leave_out, addressed=addressed)
        contract = in_force.contract
        event_id = copy_of or pseudonyms.event_id(self.secret, source_key)
        to = sorted(event.recipients)
        if len(to) <= MAX_RECIPIENTS and copy_of is None:
            drafts = [self._draft(event.type, to, decision, event_id, event_id, now)]
        else:
            drafts = [
                self._part(event, in_force, to[at : at + MAX_RECIPIENTS], decision, event_id, now)
                for at in range(0, len(to), MAX_RECIPIENTS)
            ]
        terms = contract.event_types[event.type]
        case_id = decision.flat[vocabulary().case]
        assert isinstance(case_id, str)
        return Prepared(
            str(event_id),
            topic_name(contract, terms.topic),
            pseudonyms.partition(self.secret, case_id, contract.topics[terms.topic].partitions),
            tuple(drafts),
            decision,
            in_force,
            case_id,
        )

    def _part(
        self,
        event: PlainEvent,
        in_force: ContractInForce,
        to: list[str],
        whole: Decision,
        event_id: UUID,
        now: int,
    ) -> Draft:
        """Draft a record to some of the recipients, with an id in the clear of its own.

        The record is decided for its recipients: their groups differ from those of all.
        """
        decision = whole
        if len(to) < len(event.recipients):
            plain = replace(event, data=unflatten(whole.flat))
            decision = self._decide(plain, in_force, now, tuple(to), event.recipients)
            if not decision.permitted:
                raise EventError(decision.detail, code=decision.code)
        clear_id = pseudonyms.clear_id(self.secret, event_id, to[0])
        return self._draft(event.type, to, decision, event_id, clear_id, now)

    def _draft(
        self,
        event_type: str,
        to: list[str],
        decision: Decision,
        event_id: UUID,
        clear_id: UUID,
        now: int,
    ) -> Draft:
        """Serialise the groups of one record."""
        layout = decision.grouping
        assert layout is not None  # a permitted decision has it
        try:
            groups = _groups(decision.flat, layout)
            head: dict[str, JSON] = {"data": groups[0], "to": list(to), "type": event_type}
            if clear_id != event_id:
                head["id"] = str(event_id)
            texts = [format_json(head), *[format_json(group) for group in groups[1:]]]
            recipients = [(self._exchange_key(agency, now), decision.keys[agency]) for agency in to]
            return draft(clear_id, now, texts, recipients, layout.bound)
        except CanonicalError as error:
            raise EventError(f"A value cannot be sent: {error}", code="event_invalid") from None
        except LayoutError as error:
            raise EventError(f"The event cannot be sealed: {error}", code=error.code) from None

    def seal_prepared(self, prepared: Sequence[Prepared]) -> list[tuple[bytes, ...]]:
        """Encrypt prepared events, and return the values of each, one for each of its drafts.

        A caller first prepares all events of a batch and then encrypts them. Alternating is about
        20 % slower, because each step fills the processor's cache (docs/benchmarks.md).
        """
        return [
            tuple([self._sealer(one.in_force.hash).seal(drafted) for drafted in one.drafts])
            for one in prepared
        ]

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
        (values,) = self.seal_prepared((one,))
        return Sealed(
            one.event_id,
            one.topic,
            one.partition,
            values,
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
