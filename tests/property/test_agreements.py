"""Any agreement of any shipped vocabulary: what is decided, and what a comparison reports.

The oracle reads the terms of the agreement and the vocabulary, and calls no code that decides.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache, reduce
from itertools import islice
from typing import Any, TypeAlias

import pytest
from hypothesis import assume, given
from hypothesis import event as hypothesis_event
from hypothesis import strategies as st

from contracts.comparison import compare
from contracts.decision import decide
from contracts.durations import DAY_MS
from contracts.errors import ContractError
from contracts.events import PlainEvent
from contracts.loading import shipped_names
from contracts.model import UNSTATED_KAFKA_DAYS, Contract, midnight_ms
from contracts.status import Departure, contract_status
from contracts.terms import EventTerms, FieldTerms, RetentionTerms, RoleConsent
from contracts.vocabulary import unflatten
from contracts.vocabulary.samples import sample_values
from tests.support.property_runs import TIMES, runs
from tests.unit.contracts import alterations
from tests.unit.contracts.test_shipped_agreements import complete

Edit: TypeAlias = Callable[[Contract], Contract]
UNLIMITED = 1_000


@cache
def base(name: str) -> Contract:
    """A shipped agreement with two parties of each role."""
    contract = complete(name).contract
    twins = tuple(
        party.model_copy(update={"id": f"second-{party.role}"}) for party in contract.parties
    )
    keys = {f"second-{p.role}": contract.governance_keys[p.id] for p in contract.parties}
    return contract.model_copy(
        update={
            "parties": (*contract.parties, *twins),
            "governance_keys": {**contract.governance_keys, **keys},
        }
    )


# --- generators -----------------------------------------------------------------------------------


def of_type(contract: Contract, name: str, **update: Any) -> Contract:
    terms = contract.event_types[name].model_copy(update=update)
    return contract.model_copy(update={"event_types": {**contract.event_types, name: terms}})


def of_field(contract: Contract, name: str, leaf: str, **update: Any) -> Contract:
    terms = contract.event_types.get(name)
    if terms is None or leaf not in terms.fields:
        return contract
    changed = terms.fields[leaf].model_copy(update=update)
    return of_type(contract, name, fields={**terms.fields, leaf: changed})


def of_party(contract: Contract, at: int, **update: Any) -> Contract:
    parties = list(contract.parties)
    parties[at % len(parties)] = parties[at % len(parties)].model_copy(update=update)
    return contract.model_copy(update={"parties": tuple(parties)})


def without(contract: Contract, name: str, leaf: str | None) -> Contract:
    if leaf is None:
        kept = {one: terms for one, terms in contract.event_types.items() if one != name}
        return contract.model_copy(update={"event_types": kept}) if kept else contract
    if name not in contract.event_types:
        return contract
    fields = {p: f for p, f in contract.event_types[name].fields.items() if p != leaf}
    return of_type(contract, name, fields=fields)


def some(values: tuple[str, ...], smallest: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), min_size=smallest, unique=True).map(tuple)


def scopes_of(contract: Contract) -> tuple[str, ...]:
    return tuple(contract.vocabulary.answer_to)


def leaves_of(contract: Contract, name: str) -> st.SearchStrategy[str]:
    """A field of a type; half of the time one on which consent or the kind of record depends."""
    fields, words = contract.event_types[name].fields, contract.vocabulary
    special = [
        path
        for path, field in fields.items()
        if field.identifies or field.consent or path in {*words.answers, *words.record_kinds}
    ]
    every = st.sampled_from(sorted(fields))
    return every | st.sampled_from(sorted(special)) if special else every


def edit(draw: st.DrawFn, contract: Contract) -> Edit:
    name = draw(st.sampled_from(sorted(contract.event_types)))
    leaf = draw(leaves_of(contract, name))
    roles, scopes = tuple(contract.roles), scopes_of(contract)
    chosen, at = draw(some(roles, 1)), draw(st.integers(0, 2 * len(roles) - 1))
    match draw(st.integers(0, 16)):
        case 0:
            return lambda c: of_field(c, name, leaf, readers=chosen)
        case 1:
            return lambda c: of_field(c, name, leaf, senders=chosen)
        case 2 if scopes:
            consent = draw(some(scopes))
            return lambda c: of_field(c, name, leaf, consent=consent)
        case 3:
            purposes = draw(some(tuple(contract.purposes), 1))
            return lambda c: of_field(c, name, leaf, purposes=purposes)
        case 4:
            marked = draw(st.booleans())
            return lambda c: of_field(c, name, leaf, identifies=marked)
        case 5:
            member = draw(st.sampled_from(("publishers", "recipients")))
            return lambda c: of_type(c, name, **{member: chosen}) if name in c.event_types else c
        case 6:
            days, years = draw(st.integers(1, 366)), draw(st.integers(1, 100))
            kept = draw(st.sampled_from((None, RetentionTerms(
                kafka_days=days, recipient_years=years))))  # fmt: skip
            return lambda c: of_type(c, name, retention=kept) if name in c.event_types else c
        case 7:
            return lambda c: of_party(c, at, role=chosen[0])
        case 8 if scopes:
            scope = draw(st.sampled_from((None, *scopes)))
            unless = draw(some(roles))
            return lambda c: consent_of(c, chosen[0], scope, unless)
        case 9:
            kind = draw(st.sampled_from(("with-consent", "never", "allowed")))
            return lambda c: (
                of_type(c, name, incident_identifiers=kind) if name in c.event_types else c
            )
        case 10:
            return lambda c: without(c, name, leaf)
        case 11:
            return lambda c: without(c, name, None)
        case 12:
            law = draw(st.sampled_from(("uk-gdpr", "dpa2018-part3")))
            public = draw(st.booleans())
            return lambda c: of_party(c, at, regime=law, public_authority=public)
        case 13:
            required = draw(st.booleans())
            return lambda c: of_field(c, name, leaf, required=required)
        case 14:
            later = draw(st.integers(-30, 30))
            member = draw(st.sampled_from(("starts", "ends")))
            return lambda c: c.model_copy(
                update={member: getattr(c, member) + timedelta(days=later)}
            )
        case 15 if contract.statistics is not None:
            below, by = draw(st.integers(2, 20)), draw(st.integers(1, 10))
            update = {"suppress_below": below, "round_to": by}
            control = draw(st.sampled_from((None, contract.statistics.model_copy(update=update))))
            return lambda c: c.model_copy(update={"statistics": control})
        case 16 if scopes:  # no consent is asked any more
            return lambda c: reduce(lambda x, p: without(x, name, p), c.vocabulary.answers, c)
    grace = draw(st.integers(1, 366))
    return lambda c: c.model_copy(
        update={"retention": c.retention.model_copy(update={"grace_days": grace})}
    )


def consent_of(
    contract: Contract, role: str, scope: str | None, unless: tuple[str, ...]
) -> Contract:
    rules = {name: rule for name, rule in contract.consent_by_role.items() if name != role}
    if scope is not None:
        rules[role] = RoleConsent(clause="4.2", scope=scope, unless_from=unless)
    return contract.model_copy(update={"consent_by_role": rules})


@st.composite
def agreements(draw: st.DrawFn, least: int = 0) -> Contract:
    contract = base(draw(st.sampled_from(shipped_names())))
    for _ in range(draw(st.integers(least, 4))):
        contract = edit(draw, contract)(contract)
    return contract


@st.composite
def events(draw: st.DrawFn, contract: Contract, name: str) -> dict[str, Any]:
    """Leaves of an event: those that it must have, some others, and any answers and kinds."""
    words = contract.vocabulary
    form, full = words.type(name), dict(sample_values(words, name))
    dropped = draw(st.sets(st.sampled_from(sorted(full)), max_size=3)) - {*form.required}
    flat = {path: value for path, value in full.items() if path not in dropped}
    refused = draw(st.sampled_from((None, *words.answers)))  # all but one, or any answers
    for path in words.answers:
        if path in full:
            answer = path != refused if refused else draw(st.sampled_from((True, False, None)))
            flat.pop(path, None)
            if answer is not None:
                flat[path] = answer
    for path, leaf in form.leaves.items():
        codes = leaf.form.value.code
        if (
            path in flat
            and codes is not None
            and (path in words.record_kinds or path in form.closed)
        ):
            one = draw(st.sampled_from(sorted(words.form.code_lists[codes].codes)))
            flat[path] = [one] if isinstance(flat[path], list) else one
    return flat


# --- oracle ---------------------------------------------------------------------------------------


def kind_of(contract: Contract, agency: str) -> str:
    (party,) = [one for one in contract.parties if one.id == agency]
    if party.regime == "dpa2018-part3":
        return "competent-authority"
    return "public-authority" if party.public_authority else "other"


def role_in(contract: Contract, agency: str) -> str:
    return next(one.role for one in contract.parties if one.id == agency)


def needed(
    contract: Contract, terms: EventTerms, field: FieldTerms, sender: str, reader: str
) -> frozenset[str]:
    """Scopes of consent without which one agency does not get a field of another."""
    scopes = set(field.consent)
    consent = contract.vocabulary.form.consent
    if field.identifies and consent is not None and set(consent.answers) & set(terms.fields):
        scopes.add(consent.identity)
        rule = contract.consent_by_role.get(role_in(contract, reader))
        if rule is not None and role_in(contract, sender) not in rule.unless_from:
            scopes.add(rule.scope)
    return frozenset(scopes)


def may_read(
    contract: Contract, sender: str, reader: str, name: str, path: str, flat: dict[str, Any]
) -> bool:
    terms = contract.event_types[name]
    field = terms.fields.get(path)
    if field is None or role_in(contract, reader) not in field.readers:
        return False
    if role_in(contract, reader) not in terms.recipients:
        return False
    if role_in(contract, sender) not in terms.publishers:
        return False
    if field.senders and role_in(contract, sender) not in field.senders:
        return False
    parts = contract.vocabulary.form.parts
    kinds = {flat.get(one) for one in parts.record_kinds}
    if (
        terms.incident_identifiers == "never"
        and field.identifies
        and kinds & set(parts.depersonalised_kinds)
    ):
        return False
    consent = contract.vocabulary.form.consent
    given_scopes = (
        set()
        if consent is None
        else {scope for at, scope in consent.answers.items() if flat.get(at) is True}
    )
    return needed(contract, terms, field, sender, reader) <= given_scopes


def closed(contract: Contract, sender: str, name: str, flat: dict[str, Any], now: int) -> bool:
    """Return whether the event holds a code that this kind of sender no longer uses."""
    for path, leaf in contract.vocabulary.type(name).leaves.items():
        codes = contract.vocabulary.form.code_lists.get(leaf.form.value.code or "")
        values = flat.get(path)
        for value in values if isinstance(values, list) else [values]:
            day = (codes.closed.get(value, {}) if codes else {}).get(kind_of(contract, sender))
            if day is not None and now >= midnight_ms(day):
                return True
    return False


# --- properties -----------------------------------------------------------------------------------


@runs(60)
@given(agreements(), st.data())
def test_no_recipient_gets_a_leaf_that_the_agreement_does_not_grant_with_this_consent(
    contract: Contract, data: st.DataObject
) -> None:
    agencies = [party.id for party in contract.parties]
    name = data.draw(st.sampled_from(sorted(contract.event_types)))
    publishing = [
        party.id for party in contract.parties
        if party.role in contract.event_types[name].publishers
    ]  # fmt: skip
    sender = data.draw(st.sampled_from(publishing or agencies))
    roles = contract.event_types[name].recipients
    possible = [a for a in agencies if a != sender and role_in(contract, a) in roles]
    to = tuple(sorted(data.draw(st.sets(st.sampled_from(possible or agencies), min_size=1))))
    flat = data.draw(events(contract, name))
    if data.draw(st.integers(0, 3)):  # as an export, with what this sender may send
        fields = contract.event_types[name].fields
        flat = {
            path: value for path, value in flat.items()
            if path in fields and any(
                role_in(contract, one) in fields[path].readers for one in to
            ) and (not fields[path].senders or role_in(contract, sender) in fields[path].senders)
        }  # fmt: skip
    now = contract.starts_ms + data.draw(st.integers(0, 99) | st.integers(-2, 400)) * DAY_MS
    left = data.draw(st.sampled_from((None, None, sender, *to)))
    gone = () if left is None else (Departure(left, "left", contract.starts_ms + 100 * DAY_MS),)
    signed = frozenset(data.draw(st.sampled_from((agencies, agencies, agencies, agencies[1:]))))
    status = contract_status(contract, signed, gone, now)
    try:
        made = decide(contract, status, sender, to, PlainEvent(name, to, unflatten(flat)), now)
    except ContractError:
        assume(False)
    if not made.permitted:
        assert not made.flat
        assert not made.keys
        return
    hypothesis_event("permitted")
    assert signed == set(agencies)
    assert contract.starts_ms <= now < contract.ends_ms
    assert left is None or now < gone[0].since_ms
    assert not closed(contract, sender, name, made.flat, now)
    assert made.grouping is not None
    for agency in to:
        keys = made.keys[agency]
        got = {path for path in made.flat if keys[made.grouping.group_of[path]]}
        for path in got:
            assert may_read(contract, sender, agency, name, path, flat), (agency, path)


Access: TypeAlias = tuple[frozenset[str], frozenset[str], int, int, bool]
"""Consent that is needed, purposes, days on Kafka, years, whether incidents identify no person."""


def access(contract: Contract) -> dict[tuple[str, ...], Access]:
    found: dict[tuple[str, ...], Access] = {}
    kinds = contract.vocabulary.form.parts.record_kinds
    for name, terms in contract.event_types.items():
        kept = terms.retention
        days = (kept.kafka_days if kept else UNSTATED_KAFKA_DAYS) + contract.retention.grace_days
        years = kept.recipient_years if kept else UNLIMITED
        impersonal = terms.incident_identifiers == "never" and bool({*kinds} & {*terms.fields})
        for sender in contract.parties:
            if sender.role not in terms.publishers:
                continue
            for path, field in terms.fields.items():
                if field.senders and sender.role not in field.senders:
                    continue
                for reader in contract.parties:
                    if reader.role in field.readers and reader.role in terms.recipients:
                        found[sender.id, reader.id, name, path] = (
                            needed(contract, terms, field, sender.id, reader.id),
                            frozenset(field.purposes), days, years,
                            impersonal and field.identifies,
                        )  # fmt: skip
    return found


def more(before: Access | None, after: Access) -> bool:
    if before is None:
        return True
    return (
        not before[0] <= after[0]
        or not after[1] <= before[1]
        or after[2] > before[2]
        or after[3] > before[3]
        or (before[4] and not after[4])
    )


def wider_elsewhere(before: Contract, after: Contract) -> bool:
    """Return whether codes, days or figures are open that were not."""
    open_ = [
        {(p.id, kind_of(contract, p.id)) for p in contract.parties} for contract in (before, after)
    ]
    lists = before.vocabulary.form.code_lists.values()
    closing = {kind for one in lists for kinds in one.closed.values() for kind in kinds}
    was = dict(open_[0])
    codes = any(was.get(agency) in closing and kind != was[agency] for agency, kind in open_[1])
    days = after.starts < before.starts or after.ends > before.ends
    old, new = before.statistics, after.statistics
    figures = old is not None and (
        new is None or new.suppress_below < old.suppress_below or new.round_to < old.round_to
    )
    return codes or days or figures


@runs(20)
@given(agreements(), st.data())
def test_an_agency_that_gets_more_is_reported_as_widening(
    before: Contract, data: st.DataObject
) -> None:
    after = before
    for _ in range(data.draw(st.integers(1, 3))):
        after = edit(data.draw, after)(after)
    old = access(before)
    wider = [flow for flow, now in access(after).items() if more(old.get(flow), now)]
    found = compare(before, after)
    if wider or wider_elsewhere(before, after):
        assert found.widening, wider[:3]
    assert bool(found.changes) == (before.model_dump() != after.model_dump())


@pytest.mark.parametrize("name", shipped_names())
def test_a_change_of_any_leaf_of_any_shipped_agreement_is_reported(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = base(name)
    scopes = scopes_of(contract)
    monkeypatch.setattr(alterations, "codes", lambda _list: scopes)
    whole = alterations.filled(contract) if scopes else contract
    for one in islice(alterations.altered(whole), 0, None, 331 // TIMES or 1):
        assert compare(whole, one.value).changes, (one.where, one.how)
