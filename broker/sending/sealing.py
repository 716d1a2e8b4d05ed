"""Sealing of an event in four steps: find the contract, decide, form groups, encrypt.

docs/spec/contracts.md defines the decision. docs/spec/envelope.md defines the encryption. This
module writes nothing. broker/sending/publishing.py writes the result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from broker import pseudonyms
from broker.envelope.canonical import CanonicalError, format_json
from broker.envelope.layout import MAX_RECIPIENTS, LayoutError
from broker.envelope.sealing import Sealer, SealingInput, sealing_input
from broker.event import JSON
from broker.registry.contract_in_force import ContractInForce
from broker.sending.addressees import AWAY, NOT_RECEIVED, Addressees, NotSealed, reached
from contracts.decision import Decision, decide, without_ungranted
from contracts.errors import EventError
from contracts.events import PlainEvent
from contracts.model import topic_name
from contracts.policy import FieldDecision, Grouping, LeftOut
from contracts.values import value_class
from contracts.vocabulary import Vocabulary, unflatten


@value_class(frozen=True, slots=True)
class Prepared:
    """An event that passed all checks and is ready for encryption.

    Attributes:
        event_id: str in text.
        topic: the Kafka topic.
        partition: derived from the case id, so that events of one case keep their order.
        drafts: input of the encryption of each record. There is one, unless the event has more
            recipients than a record can have.
        decision: decision for each field and all recipients.
        in_force: the contract in force.
        case_id: shared id of the case.
        event: the event with the recipients of these records.
        not_sealed: the other addressed agencies, and why.
    """

    event_id: str
    topic: str
    partition: int
    drafts: tuple[SealingInput, ...]
    decision: Decision
    in_force: ContractInForce
    case_id: str
    event: PlainEvent
    not_sealed: tuple[NotSealed, ...] = ()


@value_class(frozen=True, slots=True)
class Sealed:
    """An encrypted event. The relay adds its index and signature later.

    Attributes:
        event_id: str in text.
        topic: the Kafka topic.
        partition: derived from the case id.
        values: encrypted bytes, the value of each later Kafka record.
        decision: decision for each field.
        in_force: the contract in force.
        case_id: shared id of the case.
        not_sealed: addressed agencies that cannot be reached now, and why.
    """

    event_id: str
    topic: str
    partition: int
    values: tuple[bytes, ...]
    decision: Decision
    in_force: ContractInForce
    case_id: str
    not_sealed: tuple[NotSealed, ...] = ()

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
        addressees: (event type, addressed agencies, now in ms) -> the contract in force that
            defines this type, and which of the agencies can be reached. Raises EventError or
            RegistryError.
        vocabularies: those of the sender's contracts, to know what a refused event was about.
    """

    def __init__(
        self,
        deployment: str,
        agency: str,
        secret: bytes,
        addressees: Callable[[str, Sequence[str], int], Addressees],
        vocabularies: Callable[[], Sequence[Vocabulary]] = tuple,
    ) -> None:
        self._deployment = deployment
        self.agency = agency
        self.secret = secret
        self._addressees = addressees
        self.vocabularies = vocabularies
        self._sealers: dict[bytes, Sealer] = {}

    def decide(self, event: PlainEvent, now: int, *, leave_out: bool = False) -> Decision:
        """Check one event against the contract: may it be sent, and who gets which field.

        Args:
            event: type, recipients, data.
            now: ms; the event's time.
            leave_out: whether to leave out fields that the contract does not allow, instead of
                refusing the event.

        Raises:
            EventError: the contract does not permit it; ``code`` is the reason.
        """
        found = self._addressees(event.type, event.recipients, now)
        served, _, addressed = reached(event, found, (), wait=False)
        return self._decided(served, found.in_force, now, addressed, leave_out=leave_out)[1]

    def unreached(
        self, event_type: str, agency: str, addressed: Sequence[str], now: int
    ) -> str | None:
        """Return the code for which an agency gets no copy of an event now, or None.

        Args:
            event_type: type of the event.
            agency: the agency.
            addressed: every agency to which the event was addressed.
            now: ms.
        """
        missing = self._addressees(event_type, addressed, now).not_reached
        return next((one.reason for one in missing if one.agency == agency), None)

    def _decided(
        self,
        event: PlainEvent,
        in_force: ContractInForce,
        now: int,
        addressed: tuple[str, ...] | None,
        *,
        leave_out: bool,
        again: bool = False,
    ) -> tuple[PlainEvent, Decision]:
        """Return the event without the fields that may be left out, and the decision on it."""
        gone: tuple[FieldDecision, ...] = ()
        recipients = event.recipients
        if leave_out:
            whole = replace(event, recipients=addressed or recipients)
            stripped, gone = without_ungranted(in_force.contract, self.agency, whole)
            event = replace(stripped, recipients=recipients)
        decision = self._decide(event, in_force, now, recipients, addressed, again=again)
        if not decision.permitted:
            raise _denied(decision)
        if gone:
            left_out = tuple(
                LeftOut(field.path, agency, field.reason)
                for field in gone
                for agency in sorted(recipients)
            )
            decision = replace(
                decision,
                fields=(*decision.fields, *gone),
                left_out=(*decision.left_out, *left_out),
            )
        return event, decision

    def _decide(
        self,
        event: PlainEvent,
        in_force: ContractInForce,
        now: int,
        recipients: tuple[str, ...],
        addressed: tuple[str, ...] | None,
        *,
        again: bool = False,
    ) -> Decision:
        return decide(
            in_force.contract,
            in_force.status(now),
            self.agency,
            recipients,
            event,
            now,
            addressed=addressed,
            again=again,
        )

    def prepare(
        self,
        event: PlainEvent,
        now: int,
        source_key: bytes | None = None,
        *,
        leave_out: bool = False,
        behind: Collection[str] = (),
        wait: bool = False,
        keep: bool = False,
    ) -> Prepared:
        """Check one event and serialise its groups. `seal_prepared` then checks nothing more.

        It is sealed to the addressed agencies that can be reached now. If none can be reached, it
        is refused.

        Args:
            event: type, recipients, data.
            now: ms; the event's time.
            source_key: the source's idempotency key, if it has one.
            leave_out: see ``decide``.
            behind: agencies for which an earlier event of the case waits, so this one does too.
            wait: refuse the event while an agency that may return cannot be reached, because no
                copy can be kept for it. Only agencies that do not return are then left out.
            keep: whether the event may be kept as copies only, if the manifest of an agency has
                not come and no other agency can be reached.

        Raises:
            EventError: the contract does not permit it, or it is too large; ``code`` is the reason.
            RegistryError: no recipient has a valid key at the moment.
        """
        found = self._addressees(event.type, event.recipients, now)
        served, missing, addressed = reached(event, found, behind, wait=wait, keep=keep)
        event_id = pseudonyms.event_id(self.secret, source_key)
        in_force = found.in_force
        if wait:
            _require_manifests(served.recipients, found)
        if not served.recipients:  # all wait behind an earlier event, or for a manifest
            away = {one.agency for one in missing if one.reason in AWAY}
            able = tuple([agency for agency in addressed or () if agency not in away])
            entire = replace(served, recipients=able)
            among = addressed if away else None
            entire, decision = self._decided(entire, in_force, now, among, leave_out=leave_out)
            served = replace(entire, recipients=())
            return self._prepared(served, in_force, decision, event_id, (), missing)
        served, decision = self._decided(served, in_force, now, addressed, leave_out=leave_out)
        to = sorted(served.recipients)
        if len(to) <= MAX_RECIPIENTS:
            drafts = [self._draft(served.type, found, to, decision, event_id, event_id, now)]
        else:
            drafts = [
                self._part(served, found, to[at : at + MAX_RECIPIENTS], decision, event_id, now)
                for at in range(0, len(to), MAX_RECIPIENTS)
            ]
        return self._prepared(served, in_force, decision, event_id, tuple(drafts), missing)

    def prepare_copy(
        self, event: PlainEvent, now: int, event_id: str, addressed: Sequence[str]
    ) -> Prepared:
        """Check and serialise a copy of an event that was sealed to others before.

        Args:
            event: type, the copy's recipients, data.
            now: ms; the copy's time.
            event_id: id of the event.
            addressed: every agency to which the event was addressed.

        Raises:
            EventError: the contract does not permit it now; ``code`` is the reason.
            RegistryError: a recipient has no valid key at the moment.
        """
        found = self._addressees(event.type, addressed, now)
        in_force = found.in_force
        parties = in_force.contract.by_id
        others = tuple([agency for agency in addressed if agency in parties])
        event, decision = self._decided(event, in_force, now, others, leave_out=False, again=True)
        to = sorted(event.recipients)
        drafted = self._part(event, found, to, decision, event_id, now)
        return self._prepared(event, in_force, decision, event_id, (drafted,), ())

    def _prepared(
        self,
        event: PlainEvent,
        in_force: ContractInForce,
        decision: Decision,
        event_id: str,
        drafts: tuple[SealingInput, ...],
        missing: tuple[NotSealed, ...],
    ) -> Prepared:
        contract = in_force.contract
        terms = contract.event_types[event.type]
        case_id = decision.flat[contract.vocabulary.case]
        assert isinstance(case_id, str)
        return Prepared(
            event_id,
            topic_name(contract, terms.topic),
            pseudonyms.partition_of_case(
                self.secret, case_id, contract.topics[terms.topic].partitions
            ),
            drafts,
            decision,
            in_force,
            case_id,
            event,
            missing,
        )

    def _part(
        self,
        event: PlainEvent,
        found: Addressees,
        to: list[str],
        whole: Decision,
        event_id: str,
        now: int,
    ) -> SealingInput:
        """Draft a record to some of the recipients, with an id in the clear of its own.

        The record is decided for its recipients: their groups differ from those of all.
        """
        decision = whole
        if len(to) < len(event.recipients):
            plain = replace(event, data=unflatten(whole.flat))
            decision = self._decide(
                plain, found.in_force, now, tuple(to), event.recipients, again=True
            )
            if not decision.permitted:
                raise _denied(decision)
        clear_id = pseudonyms.clear_id(self.secret, event_id, to[0])
        return self._draft(event.type, found, to, decision, event_id, clear_id, now)

    def _draft(
        self,
        event_type: str,
        found: Addressees,
        to: list[str],
        decision: Decision,
        event_id: str,
        clear_id: str,
        now: int,
    ) -> SealingInput:
        """Serialise the groups of one record."""
        layout = decision.grouping
        assert layout is not None  # a permitted decision has it
        try:
            groups = _groups(decision.flat, layout)
            head: dict[str, JSON] = {"data": groups[0], "to": list(to), "type": event_type}
            if clear_id != event_id:
                head["id"] = event_id
            texts = [format_json(head), *[format_json(group) for group in groups[1:]]]
            recipients = [(found.key(agency), decision.keys[agency]) for agency in to]
            return sealing_input(clear_id, now, texts, recipients, layout.bound)
        except CanonicalError as error:
            raise EventError(
                f"A value cannot be sent: {error}",
                code="event_invalid",
                where=_unsendable(decision.flat),
            ) from None
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
            one.not_sealed,
        )

    def _sealer(self, contract_hash: bytes) -> Sealer:
        sealer = self._sealers.get(contract_hash)
        if sealer is None:
            sealer = Sealer(self._deployment, contract_hash, self.agency)
            self._sealers[contract_hash] = sealer
        return sealer


def _require_manifests(recipients: Sequence[str], found: Addressees) -> None:
    """Refuse an event for which no copy can be kept while an agency's manifest has not come.

    Only this row is set aside. An error of the registry would hold up the rows for others.
    """
    for agency in recipients:
        error = found.errors.get(agency)
        if error is not None and error.code == NOT_RECEIVED:
            raise EventError(error.detail, code=NOT_RECEIVED)


def _denied(decision: Decision) -> EventError:
    """Return the error of an event that the agreement denies, with the field at fault as place."""
    detail = decision.detail.removeprefix(f"{decision.field}: ")
    denied = EventError(detail, code=decision.code, where=decision.field)
    denied.clause = decision.clause
    return denied


def _unsendable(flat: Mapping[str, JSON]) -> str | None:
    """Return the path of the first leaf whose value canonical JSON does not allow."""
    for path, value in flat.items():
        try:
            format_json(value)
        except CanonicalError:
            return path
    return None


def _groups(flat: Mapping[str, JSON], layout: Grouping) -> list[dict[str, JSON]]:
    groups: list[dict[str, JSON]] = [{} for _ in layout.readers]
    group_of = layout.group_of
    for path, value in flat.items():
        groups[group_of[path]][path] = value
    return groups
