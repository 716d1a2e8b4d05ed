"""Decryption and authorisation of a verified record for this agency (steps 5 to 10).

docs/spec/opening.md. The contract is enforced here a second time: every honest reader refuses what
a sender was not allowed to seal.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal

from broker.envelope.canonical import CanonicalError, parse_json
from broker.envelope.layout import LayoutError, SealedEvent, parse_value
from broker.envelope.opening import (
    OpeningError,
    OpenSession,
    Sessions,
    WrapBudgetError,
    open_groups,
)
from broker.envelope.padding import BOUND_FLOOR_BYTES, FLOOR_BYTES, padded_length
from broker.envelope.primitives import TAG_BYTES
from broker.errors import RefusedError
from broker.event import JSON, OpenedEvent, uuid_text
from broker.judging.contract_check import contract_of_record
from broker.judging.ends import ends_of, require_heard
from broker.judging.partition_state import PartitionState
from broker.judging.reader_context import ReaderContext
from broker.judging.verification import VerifiedRecord
from broker.judging.verification_cache import VerificationCache
from broker.keys.instant import CLOCK_SKEW_MS
from broker.registry.contract_in_force import ContractInForce
from contracts.decision import has_consent, receiver_check
from contracts.errors import ContractError, EventError
from contracts.policy import Grouping, granted_from, policy_for
from contracts.values import value_class

AHEAD_MAX_BYTES: Final = 64 * 1024
"""Longest value that is decrypted ahead of its turn; with ``STAGE_RECORDS``, 4 MiB at once."""

_NOTHING: Final[frozenset[str]] = frozenset()
_HEAD_NAMES: Final = frozenset({"data", "to", "type"})
_PART_NAMES: Final = _HEAD_NAMES | {"id"}
"""Members of group 0 of a part or a copy, which has the event's id there."""
_GROUP_ZERO: Final = "group 0 must hold exactly data, to and type, and id if it is another one"
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@value_class(frozen=True, slots=True)
class Ahead:
    """A value parsed and decrypted ahead of its record's turn; it decides nothing.

    Attributes:
        sealed: the value's parts (step 5).
        session: the session of this agency's wrap; None if it was not known yet.
        texts: the JSON text of each group (steps 7 and 8) if ``session`` is known.
    """

    sealed: SealedEvent
    session: OpenSession | None
    texts: list[bytes | None]


def open_ahead(
    verified: VerifiedRecord, context: ReaderContext, sessions: Sessions
) -> Ahead | None:
    """Compute steps 5, 7 and 8 of a record as far as the caches allow.

    It tries no new wrap and caches nothing. Failures are left to ``open_record``, which returns the
    code in the order of the steps.
    """
    source, value = verified.origin.agency, verified.record.value
    assert value is not None
    if source == context.agency or verified.position.leaf_only or len(value) > AHEAD_MAX_BYTES:
        return None
    try:
        sealed = parse_value(value)
    except LayoutError:
        return None
    keys, _ = context.opening_keys(verified.log_time)
    mine = sessions.known(sealed, source, context.agency, keys)
    if mine is None:
        return Ahead(sealed, None, [])
    entry, session = mine
    prefix = sessions.prefix(context.deployment, sealed.contract, source)
    try:
        return Ahead(
            sealed, session, open_groups(sealed, entry, session, prefix, uuid_text(sealed.id))
        )
    except OpeningError:
        return None


class WrapCount:
    """New wraps that one record has a reader try, up to what its sender has left."""

    __slots__ = ("left", "tried")

    def __init__(self, left: int) -> None:
        self.left = left
        self.tried = 0

    def __call__(self) -> bool:
        """Count one more; False if none is left."""
        if self.tried >= self.left:
            return False
        self.tried += 1
        return True


def open_record(
    verified: VerifiedRecord,
    context: ReaderContext,
    cache: VerificationCache,
    now: int,
    wraps: WrapCount,
    ahead: Ahead | None = None,
    *,
    state: PartitionState | None = None,
    arrived: int | None = None,
) -> OpenedEvent | Literal["not_addressed", "repeat"]:
    """Apply steps 5 to 10. A retry from the quarantine starts here: step 4 was decided on arrival.

    Args:
        verified: a record that passed steps 0 to 4.
        context: what the reader knows.
        cache: the caller's; it saves work and changes no answer.
        now: the reader's clock, ms.
        wraps: counts the new wraps that are tried.
        ahead: of this record, if there is any: it saves work and changes no answer.
        state: of the sender's partition after step 4; None for the stored one.
        arrived: when this reader placed the record, ms; None for now. 0 if a person vouches that it
            was there in time.

    Returns:
        The event; or that the record is not for this agency, or that this event was accepted
        before.

    Raises:
        RefusedError: with the step and its code.
    """
    source = verified.origin.agency
    if source == context.agency:
        return "not_addressed"
    value = verified.record.value
    assert value is not None
    try:  # step 5
        sealed = parse_value(value) if ahead is None else ahead.sealed
    except LayoutError as error:
        raise RefusedError(5, error.code, str(error)) from None
    if sealed.time > verified.log_time + CLOCK_SKEW_MS:
        raise RefusedError(5, "time_ahead", "the event's time is after its log time")
    keys, key_gone = context.opening_keys(verified.log_time)
    try:
        mine = cache.sessions.find(sealed, context.deployment, source, context.agency, keys, wraps)
    except WrapBudgetError:
        raise RefusedError(5, "wrap_budget", "this sender sends too many new wraps") from None
    if mine is None:
        if key_gone:
            raise RefusedError(
                5, "key_missing", "this agency listed an exchange key that is not in its folder"
            )
        return "not_addressed"
    entry, session = mine
    in_force = contract_of_record(sealed.contract, verified, context, now)  # step 6
    ends = ends_of(in_force, verified, context.agency)
    if ends:
        state = context.state(verified.origin.place) if state is None else state
        require_heard(verified, ends, context, state, now if arrived is None else arrived)
    clear_id = uuid_text(sealed.id)
    prefix = cache.sessions.prefix(context.deployment, sealed.contract, source)
    if ahead is not None and ahead.session is session:
        texts = ahead.texts
    else:
        try:  # steps 7 and 8, and the padding of step 9
            texts = open_groups(sealed, entry, session, prefix, clear_id)
        except OpeningError as error:
            raise RefusedError(error.step, error.code, str(error)) from None
    event = _interpret(sealed, clear_id, texts, in_force, verified, context)  # steps 9 and 10
    known = context.known(event.source, event.id)
    if known is None:
        return event
    if known.type == event.type and known.same(event.flat):
        return "repeat"
    raise RefusedError(10, "id_reused", "this id was used for another event")


def _interpret(
    sealed: SealedEvent,
    clear_id: str,
    texts: list[bytes | None],
    in_force: ContractInForce,
    verified: VerifiedRecord,
    context: ReaderContext,
) -> OpenedEvent:
    contract, me, source = in_force.contract, context.agency, verified.origin.agency
    groups = _parse_groups(texts)
    head = groups[0]
    if head is None or (head.keys() != _HEAD_NAMES and head.keys() != _PART_NAMES):
        raise RefusedError(9, "group_zero", _GROUP_ZERO)
    data, to, event_type = head["data"], head["to"], head["type"]
    if not isinstance(data, dict) or not isinstance(event_type, str) or not _agencies(to):
        raise RefusedError(9, "group_zero", _GROUP_ZERO)
    event_id = clear_id if "id" not in head else _event_id(head["id"], clear_id)
    assert isinstance(to, list)
    addressed: tuple[str, ...] = tuple(to)  # type: ignore[arg-type]  # _agencies: all are str
    if len(addressed) != len(sealed.recipients) or me not in addressed or source in addressed:
        raise RefusedError(9, "addressed_wrong", "the addressed agencies are not the recipients")
    for agency in addressed:
        if agency not in contract.by_id:
            raise RefusedError(9, "recipient_not_permitted", "an addressed agency is not a party")
    try:
        layout = policy_for(contract, source, addressed, event_type).grouping
        consented = has_consent(contract, source, me, data)
        flat = _collect(groups, data, layout, me, consented=consented)
        _require_padding(sealed, texts, layout)
        answers = receiver_check(contract, source, me, event_type, addressed, flat)
    # a fault of one record must not stop the stream (denial of service)
    except (EventError, ContractError) as error:
        raise RefusedError(9, error.code, error.detail) from None
    words = contract.vocabulary
    if words.case not in flat:  # a contract may keep the case from a reader, which stores by it
        raise RefusedError(9, "event_invalid", "the event names no case")
    granted = layout.granted[me]
    held = granted if consented else layout.unbound[me]
    of_type = words.event_types[event_type]
    try:  # step 10
        of_type.restricted(held).check(flat)
    except EventError as error:
        raise RefusedError(10, error.code, error.detail) from None
    lost = _replaced(event_type, in_force, verified, context) if in_force.successors else _NOTHING
    obtained = answers.obtained[me]
    kept = {path: flat[path] for path in flat if path not in lost} if lost else flat
    return OpenedEvent(
        id=event_id,
        clear_id="" if event_id == clear_id else clear_id,
        type=event_type,
        source=source,
        time=_rfc3339(sealed.time),
        to=addressed,
        flat=kept,
        withheld=of_type.without(obtained - lost if lost else obtained),
        contract=in_force.reference,
        log_time=verified.position.log_time,
        urgent=event_type in words.urgent_types,
        case_id=str(flat[words.case]),
        replaced=tuple(sorted(lost & flat.keys())) if lost else (),
        unlisted=of_type.unlisted(kept),
    )


def _replaced(
    event_type: str, in_force: ContractInForce, verified: VerifiedRecord, context: ReaderContext
) -> frozenset[str]:
    """Return the leaves that newer versions do not grant this reader from this sender any more.

    Raises:
        RefusedError: `contract_replaced`: a newer version does not grant the type or the case.
    """
    source, me = verified.origin.agency, context.agency
    successors = in_force.replaced_by(source, me, verified.log_time)
    if not successors:
        return frozenset()
    allowed = frozenset.intersection(
        *(granted_from(one.contract, source, me, event_type) for one in successors)
    )
    if in_force.contract.vocabulary.case not in allowed:
        raise RefusedError(
            10, "contract_replaced", "the newer version of the contract does not grant this type"
        )
    return granted_from(in_force.contract, source, me, event_type) - allowed


def _parse_groups(texts: list[bytes | None]) -> list[dict[str, JSON] | None]:
    groups: list[dict[str, JSON] | None] = []
    for text in texts:
        if text is None:
            groups.append(None)
            continue
        try:
            group = parse_json(text)
        except CanonicalError as error:
            raise RefusedError(9, "json_not_canonical", str(error)) from None
        if not isinstance(group, dict):
            raise RefusedError(9, "json_not_canonical", "a group is not an object")
        groups.append(group)
    return groups


def _event_id(stated: JSON, clear_id: str) -> str:
    """Return the event's id that group 0 of a part or a copy states.

    An id has one form, and it is stated only if it differs from the record's own.
    """
    if type(stated) is not str or _UUID.fullmatch(stated) is None or stated == clear_id:
        raise RefusedError(9, "group_zero", _GROUP_ZERO)
    return stated


def _agencies(to: JSON) -> bool:
    """Return whether a value is a sorted list of agency ids without repeats."""
    if type(to) is not list:
        return False
    before: str | None = None
    for agency in to:
        if type(agency) is not str or (before is not None and agency <= before):
            return False
        before = agency
    return True


def _collect(
    groups: list[dict[str, JSON] | None],
    data: dict[str, JSON],
    layout: Grouping,
    me: str,
    *,
    consented: bool,
) -> dict[str, JSON]:
    """Return this agency's fields, if groups, keys and fields match grouping and consent."""
    may_read = layout.may_read[me]
    if len(groups) != len(may_read):
        raise RefusedError(9, "grouping_wrong", "the number of groups is not that of the contract")
    flat = dict(data)
    if not data.keys() <= layout.fields[0]:
        raise RefusedError(9, "grouping_wrong", "a field is not in its group")
    for index in range(1, len(groups)):
        group = groups[index]
        if (group is not None) is not (may_read[index] and (consented or not layout.bound[index])):
            if group is not None and may_read[index]:
                raise RefusedError(
                    9, "consent_missing", "a key was sent without the consent that it needs"
                )
            raise RefusedError(
                9,
                "group_keys_wrong",
                "the keys for this agency are not those that the contract gives",
            )
        if group:
            if not group.keys() <= layout.fields[index]:
                raise RefusedError(9, "grouping_wrong", "a field is not in its group")
            flat.update(group)
    return flat


def _require_padding(sealed: SealedEvent, texts: list[bytes | None], layout: Grouping) -> None:
    """Check that each opened group has the minimum size of its kind.

    ``unpad`` accepted either minimum. They give two lengths only up to the higher minimum.
    """
    for group, text, bound in zip(sealed.groups, texts, layout.bound, strict=True):
        if text is None:
            continue
        length = len(group.ciphertext) - TAG_BYTES
        if length > BOUND_FLOOR_BYTES:
            continue
        if length != (BOUND_FLOOR_BYTES if bound else padded_length(len(text), FLOOR_BYTES)):
            raise RefusedError(
                9, "padding_wrong", "a group has the minimum size of another kind of group"
            )


def _rfc3339(milliseconds: int) -> str:
    """Format a time that step 5 found not to be far ahead, so that the calendar has it."""
    return f"{_rfc3339_second(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


@lru_cache(maxsize=256)  # cache: the events of a batch have few different seconds
def _rfc3339_second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
