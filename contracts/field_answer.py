"""Answer to the question which agencies may read a field, why, on which legal basis and how long.

The query gives a path, within one event type or all of them. A path that no type has is an error
with suggestions. A path of an object (`victim`) covers the fields below it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from contracts.consent_needs import ConsentNeeds, consent_needs
from contracts.errors import UnknownNameError
from contracts.model import Contract
from contracts.names import below, require_known
from contracts.terms import FieldTerms, LegalBasis, Purpose, RetentionTerms
from contracts.vocabulary import Vocabulary
from contracts.wording import (
    basis_lines,
    kind_of_data,
    listed,
    of_incident,
    other_members,
    wrapped,
)

__all__ = ["FieldAnswer", "ReaderAnswer", "answer_fields", "field_paths", "require_field"]


_NO_NEEDS = ConsentNeeds((), ())


@dataclass(frozen=True, slots=True)
class ReaderAnswer:
    """One role that reads the field.

    Attributes:
        role: its name.
        agencies: parties that play it.
        bases: legal bases for the purposes of the field.
        consent: scopes that they need from any sender.
    """

    role: str
    agencies: tuple[str, ...]
    bases: tuple[LegalBasis, ...]
    consent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FieldAnswer:
    """Answer for one field of one event type.

    Attributes:
        vocabulary: of the agreement.
        event_type: its name.
        path: path of the field.
        terms: terms of the field; None if the type has the field and the agreement grants it to no
            role.
        purposes: purposes of the field.
        readers: roles that may read it.
        senders: roles that may send it.
        needs: consent that it needs.
        retention: of the event type.
        incident_identifiers: of the event type.
    """

    vocabulary: Vocabulary = field(repr=False)
    event_type: str
    path: str
    terms: FieldTerms | None
    purposes: tuple[tuple[str, Purpose], ...] = ()
    readers: tuple[ReaderAnswer, ...] = ()
    senders: tuple[str, ...] = ()
    needs: ConsentNeeds = _NO_NEEDS
    retention: RetentionTerms | None = None
    incident_identifiers: str = ""

    @property
    def agencies(self) -> tuple[str, ...]:
        """Return the agencies that may read it, sorted."""
        return tuple(sorted({agency for each in self.readers for agency in each.agencies}))

    def as_text(self) -> str:
        """Return the answer in words."""
        return "\n".join(_text(self)) + "\n"

    def as_json(self) -> dict[str, object]:
        """Return the answer for programs; `clause` is null where no role is granted the field."""
        return _json(self)


def field_paths(contract: Contract, event_type: str) -> tuple[str, ...]:
    """Return every path that a type has, in the agreement or in its vocabulary."""
    terms = contract.event_types.get(event_type)
    granted = tuple(terms.fields) if terms is not None else ()
    form = contract.vocabulary.event_types.get(event_type)
    declared = tuple(form.leaves) if form is not None else ()
    return tuple(dict.fromkeys((*granted, *declared)))


def answer_fields(
    contract: Contract, path: str, event_type: str | None = None
) -> tuple[FieldAnswer, ...]:
    """Return an answer for each field that `path` names, in the agreement's order.

    Args:
        contract: the agreement.
        path: of a field, or of an object: then of all fields below it.
        event_type: look in this type only; in all types of the agreement if None.

    Raises:
        UnknownNameError: `type_unknown` or `field_unknown`, with suggestions.
    """
    require_field(contract, path, event_type)
    return tuple(
        _answer(contract, name, each)
        for name in ((event_type,) if event_type is not None else contract.event_types)
        for each in field_paths(contract, name)
        if below(each, path)
    )


def require_field(contract: Contract, path: str | None, event_type: str | None) -> None:
    """Check that a field and an event type that were asked for exist.

    Args:
        contract: the agreement.
        path: of a field, or of an object; None if none was asked for.
        event_type: its name, None for all types of the agreement.

    Raises:
        UnknownNameError: `type_unknown` or `field_unknown`, with suggestions.
    """
    types = tuple(contract.event_types)
    if event_type is not None and event_type not in types:
        require_known("event type", event_type, types, code="type_unknown", exact=True)
    if path is None:
        return
    having = [
        name for name in types if any(below(each, path) for each in field_paths(contract, name))
    ]
    if event_type is None or event_type in having:
        known = (each for name in types for each in field_paths(contract, name))
        require_known("field", path, known, code="field_unknown")
    elif having:
        raise UnknownNameError(
            f"The event type {event_type} has no field called {path}.",
            code="field_unknown",
            fix=f"These types have it: {', '.join(having)}",
        )
    else:
        require_known("field", path, field_paths(contract, event_type), code="field_unknown")


def _answer(contract: Contract, event_type: str, path: str) -> FieldAnswer:
    terms = contract.event_types[event_type]
    field = terms.fields.get(path)
    if field is None:
        return FieldAnswer(contract.vocabulary, event_type, path, None)
    needs = consent_needs(contract, terms, field)
    return FieldAnswer(
        contract.vocabulary,
        event_type,
        path,
        field,
        purposes=tuple((name, contract.purposes[name]) for name in field.purposes),
        readers=tuple(
            ReaderAnswer(
                role=role,
                agencies=tuple(party.id for party in contract.parties_of_role(role)),
                bases=_bases(contract, field, role),
                consent=needs.scopes_for(role),
            )
            for role in dict.fromkeys(field.readers)
        ),
        senders=field.senders or terms.publishers,
        needs=needs,
        retention=terms.retention,
        incident_identifiers=terms.incident_identifiers,
    )


def _bases(contract: Contract, field: FieldTerms, role: str) -> tuple[LegalBasis, ...]:
    regimes = {party.regime for party in contract.parties_of_role(role)}
    return tuple(
        basis
        for basis in contract.legal_bases
        if basis.purpose in field.purposes
        and role in basis.relied_on_by
        and (basis.regime in regimes or not regimes)
    )


def _text(answer: FieldAnswer) -> Iterator[str]:
    field = answer.terms
    if field is None:
        yield from wrapped(
            f"{answer.path} of {answer.event_type}: the event type has this field, and the "
            "agreement grants it to no role.",
            "",
        )
        return
    yield f"{answer.path} of {answer.event_type}, clause {field.clause}"
    yield from wrapped(kind_of_data(field))
    if field.identifies:
        rule = of_incident(answer.vocabulary, answer.incident_identifiers)
        yield from wrapped(f"identifies a person{rule and f'; {rule}'}")
    if field.required:
        yield "  in every event of the type"
    for name, purpose in answer.purposes:
        yield from wrapped(f"for {name}: {purpose.text}")
        yield from wrapped(f"necessary: {purpose.necessity.strip() or 'not stated'}", "    ")
        yield from wrapped(
            f"proportionate: {purpose.proportionality.strip() or 'not stated'}", "    "
        )
    for reader in answer.readers:
        if not reader.agencies:
            yield f"  read by {reader.role}: no party has this role yet"
            continue
        yield from listed(f"read by {reader.role}", reader.agencies)
        for basis in reader.bases:
            yield from wrapped(f"for {basis.purpose}, on this legal basis:", "    ")
            yield from basis_lines(basis, "      ")
        lacking = _without_basis(answer, reader)
        if lacking:
            yield from wrapped(f"no legal basis is named for: {', '.join(lacking)}", "    ")
    yield from listed("sent only by" if field.senders else "sent by", answer.senders)
    yield from _consent(answer, field)
    if answer.retention is None:
        yield "  kept: no retention is agreed"
    else:
        yield (
            f"  kept {answer.retention.kafka_days} days on Kafka, "
            f"{answer.retention.recipient_years} years by the recipient"
        )
    shown = {"clause", "category", "sensitivity", "data_subject", "purposes", "readers"}
    shown |= {"senders", "required", "consent", "identifies", "without_consent"}
    yield from other_members(field, shown, "  ")


def _consent(answer: FieldAnswer, field: FieldTerms) -> Iterator[str]:
    in_words = answer.vocabulary.scope_in_words
    for code in answer.needs.everyone:
        yield from wrapped(f"only with consent to: {in_words(code)}")
    for need in answer.needs.by_role:
        except_from = f", except from {', '.join(need.unless_from)}" if need.unless_from else ""
        yield from wrapped(
            f"{need.role} reads it only with consent to: {in_words(need.scope)} too, clause "
            f"{need.clause}{except_from}"
        )
    if field.without_consent is not None:
        yield from wrapped(f"why it flows without consent: {field.without_consent}")
    elif not answer.needs.everyone and not answer.needs.by_role:
        yield "  needs no consent"


def _without_basis(answer: FieldAnswer, reader: ReaderAnswer) -> tuple[str, ...]:
    named = {basis.purpose for basis in reader.bases}
    return tuple(
        name
        for name, purpose in answer.purposes
        if name not in named and (not purpose.pursued_by or reader.role in purpose.pursued_by)
    )


def _json(answer: FieldAnswer) -> dict[str, object]:
    field = answer.terms
    return {
        "type": answer.event_type,
        "field": answer.path,
        "granted": field is not None,
        "clause": field.clause if field else None,
        "readers": list(answer.agencies),
        "purposes": list(field.purposes) if field else [],
        "consent": list(answer.needs.everyone),
        "consent_by_role": {
            need.role: {
                "scope": need.scope,
                "clause": need.clause,
                "unless_from": list(need.unless_from),
            }
            for need in answer.needs.by_role
        },
        "senders": list(answer.senders),
        "purpose_terms": {
            name: purpose.model_dump(mode="json") for name, purpose in answer.purposes
        },
        "roles": [
            {
                "role": reader.role,
                "agencies": list(reader.agencies),
                "consent": list(reader.consent),
                "legal_bases": [basis.model_dump(mode="json") for basis in reader.bases],
                "purposes_without_basis": list(_without_basis(answer, reader)),
            }
            for reader in answer.readers
        ],
        "retention": answer.retention.model_dump(mode="json") if answer.retention else None,
        "incident_identifiers": answer.incident_identifiers or None,
        "terms": field.model_dump(mode="json") if field else None,
    }
