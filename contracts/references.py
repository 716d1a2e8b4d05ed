"""Cross-references inside an agreement: every used name must be defined.

A contract that fails here cannot be loaded, because an undefined name would be a grant to no party,
or to an unforeseen one. Questions of law and prudence are in `contracts/lint.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from contracts.model import Contract, DraftContract
from contracts.strict_yaml import Fault, TreePath
from contracts.terms import EventTerms

__all__ = ["misfitting", "reference_faults"]


def reference_faults(contract: Contract) -> Iterator[Fault]:
    """Yield each name that is used but not defined, and each that is defined twice."""
    roles, purposes = contract.roles.keys(), contract.purposes.keys()
    for index, basis in enumerate(contract.legal_bases):
        at = ("legal_bases", index)
        yield from _unknown((*at, "purpose"), [basis.purpose], purposes, "purpose")
        yield from _unknown((*at, "relied_on_by"), basis.relied_on_by, roles, "role")
    for name, purpose in contract.purposes.items():
        yield from _unknown(("purposes", name, "pursued_by"), purpose.pursued_by, roles, "role")
    for role, consent in contract.consent_by_role.items():
        yield from _unknown(("consent_by_role", role), [role], roles, "role")
        yield from _unknown(
            ("consent_by_role", role, "unless_from"), consent.unless_from, roles, "role"
        )
    yield from _unknown(("reason_asked_of",), contract.reason_asked_of, roles, "role")
    for name, terms in contract.event_types.items():
        yield from _dangling_in_type(contract, ("event_types", name), terms)
    yield from _parties(contract)
    yield from _tally(contract)
    if contract.ends < contract.starts:
        yield ("ends",), "the agreement ends before it starts"


def misfitting(contract: Contract) -> Iterator[Fault]:
    """Yield each name that the agreement's vocabulary lacks, and each answer or kind not read."""
    words = contract.vocabulary
    scopes, subjects = words.scopes.keys(), words.form.data_subjects.keys()
    for role, consent in contract.consent_by_role.items():
        at: TreePath = ("consent_by_role", role, "scope")
        yield from _unknown(at, [consent.scope], scopes, "scope of consent")
    changed = words.referrals.changed.type if words.referrals is not None else None
    for name, terms in contract.event_types.items():
        if terms.informed and name != changed:
            why = "only the type that changes the status of a referral informs other agencies"
            yield ("event_types", name, "informed"), why
        for path, field in terms.fields.items():
            inside = ("event_types", name, "fields", path)
            yield from _unknown((*inside, "consent"), field.consent, scopes, "scope of consent")
            yield from _unknown(
                (*inside, "data_subject"), [field.data_subject], subjects, "data subject"
            )
            yield from _answer_or_kind(contract, inside, terms, path)


def _answer_or_kind(
    contract: Contract, inside: TreePath, terms: EventTerms, path: str
) -> Iterator[Fault]:
    field = terms.fields[path]
    if path in contract.vocabulary.answers:
        if field.identifies or field.consent:
            yield inside, "an answer about consent cannot identify or need consent itself"
        if not set(terms.recipients) <= set(field.readers):
            yield inside, "an answer about consent must be readable by every recipient"
    if path in contract.vocabulary.record_kinds and terms.incident_identifiers == "never":
        if field.identifies or field.consent or field.senders:
            yield (
                inside,
                "the record type decides which fields are left out, so it cannot identify a "
                "person or depend on consent or on the sender",
            )
        if not set(terms.recipients) <= set(field.readers):
            yield inside, "the record type must be readable by every recipient of this type"


def _dangling_in_type(
    contract: Contract, at: tuple[str, ...], terms: EventTerms
) -> Iterator[Fault]:
    roles, purposes = contract.roles.keys(), contract.purposes.keys()
    yield from _unknown((*at, "topic"), [terms.topic], contract.topics.keys(), "topic")
    yield from _unknown((*at, "publishers"), terms.publishers, roles, "role")
    yield from _unknown((*at, "recipients"), terms.recipients, roles, "role")
    yield from _unknown((*at, "purposes"), terms.purposes, purposes, "purpose")
    yield from _unknown(
        (*at, "informed"), terms.informed, terms.recipients, "recipient of this type"
    )
    for path, field in terms.fields.items():
        inside = (*at, "fields", path)
        yield from _unknown(
            (*inside, "readers"), field.readers, terms.recipients, "recipient of this type"
        )
        yield from _unknown(
            (*inside, "senders"), field.senders, terms.publishers, "publisher of this type"
        )
        yield from _unknown((*inside, "purposes"), field.purposes, purposes, "purpose")
        if field.required and (field.consent or field.identifies or field.senders):
            yield inside, "a required field cannot depend on consent or on the sender"


def _parties(contract: Contract) -> Iterator[Fault]:
    seen: set[str] = set()
    for index, party in enumerate(contract.parties):
        if party.id in seen:
            yield ("parties", index, "id"), "this agency id is named twice"
        seen.add(party.id)
        yield from _unknown(("parties", index, "role"), [party.role], contract.roles.keys(), "role")
        if party.id not in contract.governance_keys and not _without_keys(contract):
            yield ("parties", index), "this party has no governance keys in the agreement"
    yield from _unknown(("governance_keys",), contract.governance_keys, seen, "party")
    if seen:  # a draft may have no parties yet
        yield from _unknown(("review_by",), contract.review_by, seen, "party")
        named = contract.statistics.published_by if contract.statistics is not None else None
        if named is not None:
            yield from _unknown(("statistics", "published_by"), [named], seen, "party")


def _tally(contract: Contract) -> Iterator[Fault]:
    """Yield a party that would tally unions and hold what their key protects."""
    role = contract.statistics.tally if contract.statistics is not None else None
    if role is None:
        return
    at = ("statistics", "tally")
    yield from _unknown(at, [role], contract.roles.keys(), "role")
    if any(role in (*one.publishers, *one.recipients) for one in contract.event_types.values()):
        yield at, f"{role} sends or receives events, so it cannot tally unions of cases"
    if len(contract.parties_of_role(role)) > 1:
        yield at, f"{role} is the role of several parties, and one party tallies unions of cases"


def _without_keys(contract: Contract) -> bool:
    return isinstance(contract, DraftContract) and "governance_keys" in contract.absent


def _unknown(
    at: tuple[str | int, ...], used: Iterable[str], known: Iterable[str], what: str
) -> Iterator[Fault]:
    defined = frozenset(known)
    for name in used:
        if name not in defined:
            yield at, f"{name} is not a {what}"
