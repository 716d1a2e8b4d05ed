"""Decision on one event: whether it may be shared, which fields, with whom, under which clause.

The sender calls `decide` before anything is sealed. `has_consent` and `receiver_check` repeat at
the reader the checks that the sender should have made (docs/spec/contracts.md, "Step 9"). All deny
by default. `decide` returns a decision and never raises for a denial. `contracts/policy.py`
computes the part that does not depend on the values of an event.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from contracts.consent_needs import given, role_need
from contracts.errors import EventError
from contracts.events import JSON, PlainEvent
from contracts.model import Contract
from contracts.phrases import N_, Phrase, joined, phrase
from contracts.policy import Consented, Denial, FieldDecision, Grouping, LeftOut, Policy, policy_for
from contracts.status import ContractStatus
from contracts.values import value_class
from contracts.vocabulary import EventType, unflatten

__all__ = ["Decision", "decide", "has_consent", "receiver_check", "without_ungranted"]

_NO_FIELDS: Mapping[str, JSON] = {}


@value_class(frozen=True, slots=True, eq=False)
class Decision:
    """The answer for one event, field by field.

    Attributes:
        permitted: whether the event may be sealed.
        code: `permitted`, or why not: `recipients_invalid`, `party_unknown`, `not_in_force`,
            `suspended`, `contract_left`, `type_unknown`, `type_not_permitted`,
            `recipient_not_permitted`, `event_invalid`, `condition_unmet`,
            `field_not_granted`.
        detail: one sentence, without values.
        clause: clause of the contract on which the decision rests, or None.
        fields: one decision for each leaf of the event, in the event's order; empty when the event
            was denied as a whole.
        left_out: each field of the event that an addressed agency does not get, although the
            contract grants the field to it, in the event's order.
        grouping: groups of the addressed agencies; None when denied.
        keys: addressed agency to one boolean per group: whether it gets the key; empty when denied.
        flat: the leaves to seal, by dotted path; empty when denied.
        field: leaf path of the one field at fault, with which ``detail`` begins; None if permitted,
            or if the fault is not in one field.
    """

    permitted: bool
    code: str
    detail: str
    clause: str | None
    fields: tuple[FieldDecision, ...]
    left_out: tuple[LeftOut, ...]
    grouping: Grouping | None
    keys: Mapping[str, tuple[bool, ...]]
    flat: Mapping[str, JSON]
    field: str | None = None

    @property
    def withheld(self) -> Mapping[str, tuple[str, ...]]:
        """Return for each addressed agency the leaves of this event that only others get."""
        sealed = [one for one in self.fields if one.path in self.flat]
        return {
            agency: tuple(one.path for one in sealed if agency not in one.readers)
            for agency in self.keys
        }


def decide(  # noqa: PLR0911 - each denial is given where it is found, in the order of the text
    contract: Contract,
    status: ContractStatus,
    sender: str,
    recipients: tuple[str, ...],
    event: PlainEvent,
    now: int,
    *,
    addressed: tuple[str, ...] | None = None,
    again: bool = False,
) -> Decision:
    """Decide on one event from `sender` to `recipients`.

    If the event is sealed in several records, each record is decided for its own recipients. A
    record leaves out the leaves that only other agencies of `addressed` may read.

    Args:
        contract: the agreement.
        status: its status, from `contracts.status.contract_status`.
        sender: agency id.
        recipients: agency ids as addressed, in any order.
        event: the event to be sent; its own `recipients` are not read.
        now: milliseconds since the epoch, UTC.
        addressed: every agency to which the event is addressed, if `recipients` are only some of
            them; each may receive the event.
        again: whether the whole event was decided before, so that it may lack fields now which
            only others read, or for which consent is missing. Conditions of the vocabulary are
            then not judged.

    Raises:
        ContractError: the contract itself is at fault; it should not have been signed.
    """
    policy = policy_for(contract, sender, recipients, event.type)
    if policy.denial is not None:
        return _denied(policy.denial)
    denial = _not_in_force(contract, status, sender, recipients, now)
    if denial is not None:
        return _denied(denial)
    try:
        form = contract.vocabulary.type(event.type)
        form.validate(event.data)
        flat = form.flatten(event.data)
    except EventError as error:
        return _denied(Denial("event_invalid", str(error), policy.clause, error.where))
    closed = policy.closed_code(flat, now) if policy.closed else None
    if closed is not None:
        why = phrase(
            "%(closed)s: this kind of sender no longer uses this code (vocabulary, closed)",
            closed=closed,
        )
        return _denied(Denial("event_invalid", why, policy.clause, closed))
    decisions, whole = policy.fields, flat
    possible = decisions.keys()
    if addressed is not None:
        entire = policy_for(contract, sender, addressed, event.type)
        if entire.denial is not None:
            return _denied(entire.denial)
        possible = entire.fields.keys()
        flat = {path: flat[path] for path in flat if path in decisions or path not in possible}
    if not flat.keys() <= decisions.keys():
        return _not_granted(contract, event.type, flat, policy)
    lacking = _lacking(policy, form, flat, whole, () if again else possible)
    if lacking is not None:
        return _denied(lacking)
    consented = policy.consented(flat)
    without = consented.left_out
    if without and not without.keys().isdisjoint(flat):
        case = contract.vocabulary.case
        if case in without:
            why = phrase(
                "%(case)s: not every addressed agency would get it, but each event must have it",
                case=case,
            )
            return _denied(Denial("event_invalid", why, decisions[case].clause, case))
        torn = form.lacking(whole.keys() - consented.forbidden)
        if torn:
            path = min(torn)
            why = phrase(
                "%(path)s: the event must have this field, but the field is left out", path=path
            )
            return _denied(Denial("event_invalid", why, decisions[path].clause, path))
        blocked, narrowed = consented.blocked, consented.narrowed
        fields = tuple(
            [blocked.get(path) or narrowed.get(path) or decisions[path] for path in flat]
        )
        left_out = tuple([one for path in flat if path in without for one in without[path]])
        flat = {path: value for path, value in flat.items() if path not in blocked}
    else:
        fields, left_out = tuple([decisions[path] for path in flat]), ()
    return Decision(
        True,
        "permitted",
        "the contract permits the event",
        policy.clause,
        fields,
        left_out,
        policy.grouping,
        consented.keys,
        flat,
    )


def without_ungranted(
    contract: Contract, sender: str, event: PlainEvent
) -> tuple[PlainEvent, tuple[FieldDecision, ...]]:
    """Leave out fields that no addressed agency may read, or that the sender may not send.

    An export has the columns of its system; the contract decides which of them are sent.

    Args:
        contract: the agreement.
        sender: agency id.
        event: the event to be sent.

    Returns:
        The event without these fields, and the fields. The same event and no field if nothing has
        to be left out, or if `decide` refuses the event anyway: because of its recipients, its
        form, or a field that the event must have.
    """
    policy = policy_for(contract, sender, event.recipients, event.type)
    if policy.denial is not None:
        return event, ()
    try:
        form = contract.vocabulary.type(event.type)
        form.validate(event.data)
        flat = form.flatten(event.data)
    except EventError:
        return event, ()
    kept = {path: value for path, value in flat.items() if path in policy.fields}
    personal: frozenset[str] = frozenset()
    if policy.impersonal(flat) and not policy.impersonal(kept):
        # The record type is left out, so `decide` does not see it, but its rule applies.
        personal = policy.depersonalised
        kept = {path: value for path, value in kept.items() if path not in personal}
    if len(kept) == len(flat) or form.lacking(kept.keys()):
        return event, ()
    readable = policy.grouping.group_of
    fields = contract.event_types[event.type].fields
    gone = tuple(
        FieldDecision(
            path=path,
            verdict="left_out",
            readers=frozenset(),
            clause=fields[path].clause if path in fields else None,
            reason=_why_left_out(path, personal, readable),
        )
        for path in flat
        if path not in kept
    )
    return PlainEvent(event.type, event.recipients, unflatten(kept)), gone


def receiver_check(
    contract: Contract,
    sender: str,
    me: str,
    event_type: str,
    to: tuple[str, ...],
    flat: Mapping[str, JSON],
) -> Consented:
    """Check at the reader that the sender kept to the contract (step 9).

    Args:
        contract: the agreement named by the event.
        sender: agency of the proof's origin.
        me: the reader.
        event_type: from group 0.
        to: addressed agencies, from group 0.
        flat: the leaves that the reader could open.

    Returns:
        The effect of the event's answers about consent on its fields.

    Raises:
        EventError: `recipients_invalid`, `party_unknown`, `type_unknown`, `type_not_permitted`,
            `recipient_not_permitted`; `field_not_granted` for a field that the reader may not have
            or the sender may not send; `consent_missing` for a field that was sent without the
            consent that it needs; `event_invalid` if a field that the contract requires is
            missing.
        ContractError: the contract itself is at fault.
    """
    policy = policy_for(contract, sender, to, event_type)
    if policy.denial is not None:
        raise EventError(policy.denial.detail, code=policy.denial.code)
    granted = policy.grouping.granted.get(me)
    if granted is None:
        raise EventError("the reader is not among those addressed", code="recipients_invalid")
    if not flat.keys() <= granted:
        raise EventError(
            "the reader may not have this field",
            code="field_not_granted",
            where=min(flat.keys() - granted),
        )
    if not flat.keys() <= policy.fields.keys():
        raise EventError(
            "the sender may not send this field",
            code="field_not_granted",
            where=min(flat.keys() - policy.fields.keys()),
        )
    consented = policy.consented(flat)
    if consented.left_out and not consented.left_out.keys().isdisjoint(flat):
        without = [
            path
            for path in consented.left_out.keys() & flat.keys()
            if any(one.agency == me for one in consented.left_out[path])
        ]
        if without:
            raise EventError(
                "the field was sent without the consent that it needs",
                code="consent_missing",
                where=min(without),
            )
    if not policy.required <= flat.keys():
        missing = (policy.required - flat.keys()) & granted
        if missing:
            raise EventError("the contract requires this field", where=min(missing))
    return consented


def has_consent(contract: Contract, sender: str, me: str, data: Mapping[str, JSON]) -> bool:
    """Return whether a reader gets the keys of its granted consent-bound groups (step 9).

    Args:
        contract: the agreement named by the event.
        sender: agency of the proof's origin, a party.
        me: the reader, a party.
        data: the leaves of group 0, which include every consent leaf of the type.
    """
    return given(contract, role_need(contract, sender, me), data)


_GONE: Mapping[str, Phrase] = {
    "suspended": N_("%(agency)s suspended its part of the contract"),
    "left": N_("%(agency)s left the contract"),
}


def _not_in_force(
    contract: Contract, status: ContractStatus, sender: str, recipients: tuple[str, ...], now: int
) -> Denial | None:
    if status.state in {"suspended", "left"}:
        code = "suspended" if status.state == "suspended" else "contract_left"
        return Denial(code, N_("fewer than two parties take part in the contract"))
    if not status.in_force or not contract.starts_ms <= now < contract.ends_ms:
        state = "expired" if now >= contract.ends_ms else status.state
        state = "not_started" if now < contract.starts_ms and state == "in_force" else state
        return Denial(
            "not_in_force", phrase("the contract is not in force (%(state)s)", state=state)
        )
    departed = status.departed
    if departed:
        for agency in (sender, *recipients):
            departure = departed.get(agency)
            if departure is not None:
                code = "suspended" if departure.state == "suspended" else "contract_left"
                return Denial(code, phrase(_GONE[departure.state], agency=agency))
    return None


def _denied(denial: Denial) -> Decision:
    return Decision(
        False,
        denial.code,
        denial.detail,
        denial.clause,
        (),
        (),
        None,
        {},
        _NO_FIELDS,
        denial.field,
    )


def _lacking(
    policy: Policy,
    form: EventType,
    flat: Mapping[str, JSON],
    whole: Mapping[str, JSON],
    possible: Collection[str],
) -> Denial | None:
    """Return the denial of an event that lacks a field, or None.

    Args:
        policy: of the record.
        form: type of the event.
        flat: leaves of the record.
        whole: leaves of the event.
        possible: leaf paths that a condition of the vocabulary may require.
    """
    if not policy.required <= flat.keys():
        missing = min(policy.required - flat.keys())
        why = phrase("%(missing)s: the contract requires this field", missing=missing)
        return Denial("event_invalid", why, policy.fields[missing].clause, missing)
    unmet = form.unmet(whole, possible) if form.conditions and possible else None
    if unmet is None:
        return None
    condition, path = unmet
    why = phrase(
        "%(path)s: this event needs the field because of its %(field)s. %(text)s",
        path=path,
        field=condition.field,
        text=condition.text,
    )
    clause = policy.contract.event_types[form.name].fields[path].clause
    return Denial("condition_unmet", why, clause, path)


def _not_granted(
    contract: Contract, event_type: str, flat: Mapping[str, JSON], policy: Policy
) -> Decision:
    """Name every field that may not be sent or read: the event is refused, not trimmed."""
    terms = contract.event_types[event_type]
    readable = policy.grouping.group_of
    refused = tuple(
        FieldDecision(
            path=path,
            verdict="refused",
            readers=frozenset(),
            clause=terms.fields[path].clause if path in terms.fields else None,
            reason="sender_not_granted" if path in readable else "field_not_granted",
        )
        for path in flat
        if path not in policy.fields
    )
    unread = [field.path for field in refused if field.reason == "field_not_granted"]
    unsent = [field.path for field in refused if field.reason == "sender_not_granted"]
    faults = []
    if unread:
        faults.append(phrase("no addressed agency may read %(fields)s", fields=", ".join(unread)))
    if unsent:
        faults.append(phrase("the sender may not send %(fields)s", fields=", ".join(unsent)))
    return Decision(
        False,
        "field_not_granted",
        joined("; ", faults),
        refused[0].clause or terms.clause,
        refused,
        (),
        None,
        {},
        _NO_FIELDS,
    )


def _why_left_out(path: str, personal: Collection[str], readable: Collection[str]) -> str:
    if path in personal:
        return "incident_depersonalised"
    return "sender_not_granted" if path in readable else "field_not_granted"
