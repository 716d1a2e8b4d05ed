from __future__ import annotations

import base64
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.envelope.canonical import format_json
from broker.envelope.padding import BOUND_FLOOR_BYTES, FLOOR_BYTES, padded_length
from contracts.decision import Decision, decide, has_consent, receiver_check
from contracts.drafting import draft, london_parties
from contracts.errors import ContractError, EventError
from contracts.events import PlainEvent
from contracts.examples import example
from contracts.loading import parse_contract, shipped_terms
from contracts.parties import GovernanceKeys
from contracts.policy import group_fields
from contracts.status import contract_status
from tests.support.words import (
    EVENT_TYPES,
    REFERRALS,
    codes,
    flatten,
    leaves,
    required_leaves,
    restricted,
    unflatten,
)

_KEYS = GovernanceKeys(
    ed25519=base64.b64encode(bytes(32)).decode(), ml_dsa_65=base64.b64encode(bytes(1952)).decode()
)
TEXT = draft(
    shipped_terms(),
    deployment="pan-london",
    parties=london_parties(),
    governance_keys={str(p["id"]): _KEYS for p in london_parties()},
    starts=date(2026, 1, 1),
    ends=date(2026, 12, 31),
    review_on=date(2026, 10, 1),
)
CONTRACT = parse_contract(TEXT.encode(), "c.yaml").contract
AGENCIES = [party.id for party in CONTRACT.parties]
NOW = CONTRACT.starts_ms
IN_FORCE = contract_status(CONTRACT, frozenset(AGENCIES), (), NOW)
FULL: dict[str, dict[str, Any]] = {}
for _type, _sender in dict.fromkeys(EVENT_TYPES, "csu-camden").items():
    FULL[_type] = flatten(_type, example(CONTRACT, _sender, _type).data)

types = st.sampled_from(sorted(EVENT_TYPES))
agencies = st.sampled_from(AGENCIES)
addressed = st.frozensets(agencies, min_size=1)


def some_leaves(event_type: str) -> st.SearchStrategy[dict[str, Any]]:
    """Part of the full example: what is required, and any of the rest, whole groups together."""
    required = required_leaves(event_type)
    optional = sorted(FULL[event_type].keys() - required)
    return st.sets(st.sampled_from(optional)).map(
        lambda chosen: {
            p: v
            for p, v in FULL[event_type].items()
            if p in required
            or p in chosen
            or (p.startswith(("answers.", "intelligence.")) and p.split(".")[0] + "." in
                {c.split(".")[0] + "." for c in chosen})
        }
    )  # fmt: skip


@given(types, addressed)
def test_each_readable_field_is_in_exactly_one_group(event_type: str, to: frozenset[str]) -> None:
    groups = group_fields(CONTRACT, event_type, to)
    placed = [path for paths in groups.order for path in paths]
    assert len(placed) == len(set(placed))
    terms = CONTRACT.event_types[event_type].fields
    roles = {CONTRACT.role_of[agency] for agency in to}
    assert set(placed) == {p for p, f in terms.items() if roles & set(f.readers)}
    assert groups.readers[0] == to
    pairs = list(zip(groups.readers, groups.bound, strict=True))
    assert len(set(pairs)) == len(pairs)
    assert not groups.bound[0]
    for index, paths in enumerate(groups.order):
        assert groups.fields[index] == frozenset(paths)
        for path in paths:
            assert groups.group_of[path] == index
            readers = {a for a in to if CONTRACT.role_of[a] in terms[path].readers}
            assert readers == groups.readers[index]
            assert all((path in groups.granted[a]) == (a in readers) for a in to)
            asks = any(one.startswith("consent.") for one in terms)
            assert groups.bound[index] == (asks and terms[path].identifies)
    for agency in to:
        assert groups.may_read[agency] == tuple(agency in r for r in groups.readers)


@given(types, st.permutations(AGENCIES), st.integers(1, 7))
def test_grouping_depends_on_contract_type_and_addressed_only(
    event_type: str, order: list[str], count: int
) -> None:
    once = group_fields(CONTRACT, event_type, frozenset(order[:count]))
    again = group_fields(CONTRACT.model_copy(), event_type, frozenset(sorted(order[:count])))
    assert once is not again
    assert (once.readers, once.order, once.bound) == (again.readers, again.order, again.bound)
    assert (dict(once.granted), dict(once.may_read)) == (dict(again.granted), dict(again.may_read))


@given(st.data())
@settings(max_examples=300)
def test_a_permitted_event_gives_no_field_to_a_role_without_the_grant_or_the_consent(
    data: st.DataObject,
) -> None:
    event_type = data.draw(types)
    sender = data.draw(agencies)
    to = tuple(data.draw(st.lists(agencies, max_size=7)))
    flat = data.draw(some_leaves(event_type))
    for path in [p for p in flat if p.startswith("consent.")]:
        flat[path] = data.draw(st.booleans())
    terms = CONTRACT.event_types[event_type]
    event = PlainEvent(event_type, to, unflatten(flat))
    decision = decide(CONTRACT, IN_FORCE, sender, to, event, NOW)
    if not decision.permitted:
        assert decision.flat == {}
        return
    assert decision.grouping is not None
    assert sender not in to
    assert CONTRACT.role_of[sender] in terms.publishers
    without: dict[str, set[str]] = {agency: set() for agency in to}
    for path, agency, _ in decision.left_out:
        without[agency].add(path)
    assert set(decision.flat) | {one.path for one in decision.left_out} == set(flat)
    assert len(decision.fields) == len(flat)
    for agency in to:
        role = CONTRACT.role_of[agency]
        assert role in terms.recipients
        mine = opened(decision, agency)
        granted = decision.grouping.granted[agency]
        assert set(mine) == (set(flat) & granted) - without[agency]
        for path in mine:
            assert role in terms.fields[path].readers
            for scope in terms.fields[path].consent:
                assert flat[f"consent.{scope}"] is True
        assert set(decision.withheld[agency]) == set(decision.flat) - set(mine)
        receiver_check(CONTRACT, sender, agency, event_type, tuple(sorted(to)), mine)
        consented = has_consent(CONTRACT, sender, agency, decision.flat)
        held = granted if consented else decision.grouping.unbound[agency]
        restricted(event_type, held).check(mine)


def opened(decision: Decision, agency: str) -> dict[str, Any]:
    """The leaves in the groups of which an addressed agency gets the keys."""
    groups = decision.grouping
    assert groups is not None
    keys = decision.keys[agency]
    return {p: v for p, v in decision.flat.items() if keys[groups.group_of[p]]}


SCOPES = ("pass_to_police", "support_contact", "share_identity", "statistics")


def asked(data: st.DataObject) -> tuple[str, str, dict[str, Any]]:
    """A type that asks for consent or one that does not, a sender, and leaves with any answers."""
    event_type = data.draw(types)
    flat = data.draw(some_leaves(event_type))
    if any(path.startswith("consent.") for path in FULL[event_type]):
        for scope in SCOPES:
            answer = data.draw(st.sampled_from([True, False, None]))
            flat.pop(f"consent.{scope}", None)
            if answer is not None:
                flat[f"consent.{scope}"] = answer
    return event_type, data.draw(agencies), flat


@given(st.data())
@settings(max_examples=400)
def test_the_fields_of_a_recipient_do_not_depend_on_other_recipients(
    data: st.DataObject,
) -> None:
    """Any two sets of recipients that contain r, and to which the event can be sealed.

    Each time also through a record to some of them: a part, a copy, or the record without those
    that cannot be reached.
    """
    event_type, sender, flat = asked(data)
    roles = CONTRACT.event_types[event_type].recipients
    possible = [a for a in AGENCIES if a != sender and CONTRACT.role_of[a] in roles]
    reader = data.draw(st.sampled_from(possible))
    event = PlainEvent(event_type, (), unflatten(flat))
    found = []
    for _ in range(2):
        others = data.draw(st.sets(st.sampled_from(possible)))
        to = tuple(sorted(others | {reader}))
        decision = decide(CONTRACT, IN_FORCE, sender, to, event, NOW)
        if not decision.permitted:
            continue
        found.append(opened(decision, reader))
        fewer = data.draw(st.sets(st.sampled_from(to))) | {reader}
        record = decide(CONTRACT, IN_FORCE, sender, tuple(sorted(fewer)), event, NOW, addressed=to)
        assert record.permitted, record.detail
        found.append(opened(record, reader))
        assert record.grouping is not None
        readable = set().union(*(record.grouping.granted[agency] for agency in fewer))
        assert record.flat.keys() <= readable
    assert all(one == found[0] for one in found)


@given(st.data())
@settings(max_examples=100)
def test_every_consent_gives_the_same_shape_of_record(data: st.DataObject) -> None:
    """Number, order and readers of groups, and the size of every group but the answers' own."""
    event_type, sender, flat = asked(data)
    to = tuple(sorted(data.draw(st.sets(agencies, min_size=1)) - {sender}))
    shapes = set()
    for chosen in range(16):
        answered = {p: v for p, v in flat.items() if not p.startswith("consent.")}
        if any(path.startswith("consent.") for path in FULL[event_type]):
            answered |= {f"consent.{s}": bool(chosen >> n & 1) for n, s in enumerate(SCOPES)}
        event = PlainEvent(event_type, to, unflatten(answered))
        decision = decide(CONTRACT, IN_FORCE, sender, to, event, NOW)
        if not decision.permitted:
            shapes.add(decision.code)
            continue
        groups = decision.grouping
        assert groups is not None
        sizes = []
        for paths, bound in zip(groups.order[1:], groups.bound[1:], strict=True):
            text = format_json({p: decision.flat[p] for p in paths if p in decision.flat})
            sizes.append(padded_length(len(text), BOUND_FLOOR_BYTES if bound else FLOOR_BYTES))
        shapes.add((len(groups.order), tuple(sizes)))
    assert len(shapes) == 1


@given(st.data())
def test_flattening_and_its_inverse_lose_nothing(data: st.DataObject) -> None:
    event_type = data.draw(types)
    flat = data.draw(some_leaves(event_type))
    nested = unflatten(flat)
    assert flatten(event_type, nested) == flat
    assert unflatten(flatten(event_type, nested)) == nested
    assert set(flat) <= set(leaves(event_type))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
names = st.sampled_from(["case_id", "victim", "incident", "consent", "witnesses", "note", "x"])


@given(types, st.dictionaries(names, json_values) | json_values)
def test_any_data_gives_a_decision(event_type: str, data: Any) -> None:
    event = PlainEvent(event_type, ("csu-lewisham",), data)
    decision = decide(CONTRACT, IN_FORCE, "csu-camden", event.recipients, event, NOW)
    assert not decision.permitted or set(decision.flat) >= required_leaves(event_type)


statuses = st.sampled_from(sorted(codes("referral_status")))


@given(statuses, statuses, st.sampled_from(["referrer", "fulfiller"]))
def test_only_the_fulfiller_moves_a_referral_on(current: str, new: str, by: Any) -> None:
    try:
        REFERRALS.check_transition(current, new, by, "other")
    except EventError:
        assert new not in REFERRALS.allowed(current, by)
        return
    assert current not in REFERRALS.terminal
    if by == "referrer":
        assert new in {"requested", "entered-in-error"}
    else:
        assert new not in {"draft", "requested", "entered-in-error"}


@given(st.integers(0, len(TEXT) - 1), st.characters(codec="utf-8") | st.just(""))
@settings(max_examples=60, deadline=None)
def test_a_changed_file_is_another_contract_or_none(at: int, character: str) -> None:
    changed = TEXT[:at] + character + TEXT[at + 1 :]
    if changed == TEXT:
        return
    try:
        outcome: Any = parse_contract(changed.encode(), "c.yaml")
    except ContractError as error:
        outcome = error
    assert outcome.where.startswith("c.yaml")
    assert isinstance(outcome, ContractError) or outcome.raw == changed.encode()


@pytest.mark.parametrize("text", ["a: " + "[" * 100_000, "{" * 100_000, "- " * 50_000])
def test_a_deeply_nested_file_ends_with_a_refusal(text: str) -> None:
    with pytest.raises(ContractError):
        parse_contract(text.encode(), "c.yaml")
