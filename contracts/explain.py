"""Explanation of a whole agreement in words, for information governance officers.

It shows every term that a party signs; `tests/unit/contracts/test_explain_is_complete.py` changes
each of them in turn. It ends with the fingerprint of each governance key, to be compared by
telephone before a signature.
"""

from __future__ import annotations

from collections.abc import Iterator

from contracts.consent_needs import asks_consent, consent_needs
from contracts.durations import duration_text
from contracts.exact_counts import exact_counts_of_purpose
from contracts.loading import ContractText
from contracts.model import Contract
from contracts.parties import Contact, Party, key_fingerprint
from contracts.status import ContractStatus
from contracts.terms import EventTerms, FieldTerms, ServiceLevels
from contracts.vocabulary_rules import closed_codes, needed_beside
from contracts.wording import (
    basis_lines,
    duration,
    kind_of_data,
    listed,
    of_incident,
    other_members,
    wrapped,
)

__all__ = ["explain", "explain_framework", "explain_terms"]

_STATES = {
    "draft": "no party has signed yet",
    "partially_signed": "not signed yet by",
    "in_force": "in force",
    "not_started": "signed, not started yet",
    "expired": "expired",
    "suspended": "suspended",
    "left": "ended: its parties have left",
}
_SECTIONS = frozenset(
    {"title", "name", "version", "summary", "starts", "ends", "review_on", "review_by", "status"}
    | {
        "deployment",
        "framework",
        "previous",
        "changeover",
        "report_every",
        "version_record",
        "roles",
        "parties",
        "processors",
    }
    | {"coordinator", "purposes", "legal_bases", "event_types", "topics", "consent_by_role"}
    | {"reason_asked_of"}
    | {"retention", "service_levels", "use", "security", "acknowledgements", "statistics", "dpia"}
    | {"equality_impact_assessment", "consulted", "privacy_notice", "terms", "governance_keys"}
    | {"pins"}
)
"""Members of a contract that a section shows; the others follow under `OTHER TERMS`."""


def explain(
    text: ContractText, status: ContractStatus | None = None, *, replaced: bool = False
) -> str:
    """Return the whole agreement in words, in lines of at most about 96 characters.

    Args:
        text: the agreement.
        status: its present status, if known.
        replaced: whether a newer version has replaced it.
    """
    contract = text.contract
    lines = [*wrapped(contract.title, ""), f"{contract.name} {contract.version}", ""]
    lines.append(f"SHA-256 of the file: {text.hash.hex()}")
    if status is not None:
        now = "replaced by a newer version" if replaced else _status(status)
        lines.append(f"Now: {now}.")
    return "\n".join(lines) + "\n" + explain_terms(contract)


def explain_framework(text: str | None) -> str:
    """Return the framework agreement that is signed with an agreement, word for word.

    Args:
        text: of the framework agreement; None if it is not here.
    """
    lines = ["FRAMEWORK AGREEMENT (signed with this agreement)"]
    if text is None:
        lines += wrapped("Its text is not here. Ask the agency that sent the agreement for it.")
    else:
        for line in text.splitlines():
            lines += wrapped(line, "  ") if line.strip() else [""]
    return "\n".join(lines) + "\n"


def explain_terms(contract: Contract) -> str:
    """Return every term of the agreement in words; nothing of its file or its signatures."""
    lines = list(_dates(contract))
    lines += ["", "WHO", *_parties(contract)]
    lines += ["", "WHAT FOR, AND ON WHAT BASIS", *_purposes(contract)]
    lines += ["", "WHAT FLOWS"]
    lines += wrapped(
        "Events pass through Kafka, a message server that cannot read them. A topic is one of its "
        "queues."
    )
    lines += _topics(contract)
    for name in contract.event_types:
        lines += _event_type(contract, name)
    lines += ["", "TERMS", *_terms(contract)]
    lines += ["", "VERSIONS", *_versions(contract)]
    others = list(other_members(contract, _SECTIONS, "  "))
    if others:
        lines += ["", "OTHER TERMS", *others]
    lines += ["", "SIGNING KEYS (governance keys)"]
    lines += wrapped(
        "Before you sign, telephone each party. Call a number that you already had, not one from "
        "this text: a false text would name a false number. The party reads its twelve words. Type "
        "them into: concordant agency check-partner"
    )
    lines += _keys(contract)
    return "\n".join(lines) + "\n"


def _status(status: ContractStatus) -> str:
    text = _STATES[status.state]
    if status.state == "partially_signed":
        return f"{text} {', '.join(status.by)}"
    if status.departed:
        gone = ", ".join(f"{a} ({d.state})" for a, d in status.departed.items())
        return f"{text}, without {gone}"
    return text


def _dates(contract: Contract) -> Iterator[str]:
    yield from wrapped(f"Title: {contract.title}", "")
    framework = contract.framework
    yield f"Agreement: {contract.name} {contract.version}, status {contract.status}"
    yield f"Partnership: {contract.deployment}"
    yield f"Framework agreement: {framework.name} {framework.version}"
    yield from other_members(framework, {"name", "version"}, "  ")
    yield "Signed with it:"
    yield f"  framework agreement, SHA-256 of its text:  {contract.pins.framework}"
    yield f"  vocabulary, SHA-256 of its file:           {contract.pins.vocabulary}"
    if not contract.previous:
        yield "Replaces: no earlier version"
    else:
        yield "Replaces the versions whose files have these SHA-256 hashes:"
        yield from (f"  {one}" for one in contract.previous)
        yield (
            f"Events sent under them are taken for {duration(contract.changeover)} after it takes "
            "effect."
        )
    yield f"In force from {contract.starts} to {contract.ends}, both included (UTC)."
    by = ", ".join(contract.review_by) or "no party named"
    if contract.review_on is None:
        yield from wrapped(f"Review: no date agreed; to be reviewed by {by}.", "")
    else:
        yield from wrapped(f"Review on {contract.review_on}, by {by}.", "")
    yield from wrapped(f"Summary: {contract.summary}", "")


def _parties(contract: Contract) -> Iterator[str]:
    for role, text in contract.roles.items():
        yield from wrapped(f"{role}: {text}")
        for party in contract.parties_of_role(role):
            yield from _party(party)
    for party in contract.parties:
        if party.role not in contract.roles:
            yield from wrapped(f"{party.role}: the agreement does not say what it is")
            yield from _party(party)
    for processor in contract.processors:
        yield from wrapped(f"Processor, granted nothing: {processor.name}")
        yield from wrapped(f"Service: {processor.service}", "    ")
        yield from wrapped(f"Location: {processor.location}", "    ")
        yield from wrapped(f"Terms: {processor.terms}", "    ")
        yield from wrapped(f"Sees: {processor.sees}", "    ")
        yield from other_members(
            processor, {"name", "service", "location", "terms", "sees"}, "    "
        )
    coordinator = contract.coordinator
    if coordinator is not None:
        yield from wrapped(f"Coordinator: {coordinator.name}; granted: {coordinator.grants}")
        yield from _contact("Contact", coordinator.contact, "    ")
        yield from other_members(coordinator, {"name", "grants", "contact"}, "    ")


def _party(party: Party) -> Iterator[str]:
    yield from wrapped(f"{party.id}: {party.legal_name}", "    ")
    kind = "public authority" if party.public_authority else "no public authority"
    registered = party.ico_registration
    registration = f"ICO registration {registered}" if registered else "no ICO registration"
    extra = ", third-party reporting centre" if party.third_party_reporting else ""
    yield from wrapped(
        f"{party.relationship}, {party.regime}, {kind}, {registration}, "
        f"areas {', '.join(party.area)}{extra}",
        "      ",
    )
    contacts = party.contacts
    for name in type(contacts).model_fields:
        label = name.replace("_", " ").capitalize()
        contact = getattr(contacts, name)
        if contact is not None:
            yield from _contact(label, contact, "      ")
    yield from wrapped(f"Connects to Kafka as: {party.principal}", "      ")
    shown = {"id", "legal_name", "role", "relationship", "regime", "public_authority", "area"}
    shown |= {"third_party_reporting", "ico_registration", "contacts", "kafka_principal"}
    yield from other_members(party, shown, "      ")


def _contact(label: str, contact: Contact, indent: str) -> Iterator[str]:
    phone = f", telephone {contact.phone}" if contact.phone is not None else ""
    yield from wrapped(f"{label}: {contact.name}, {contact.email}{phone}", indent)
    yield from other_members(contact, {"name", "email", "phone"}, indent + "    ")


def _purposes(contract: Contract) -> Iterator[str]:
    for name, purpose in contract.purposes.items():
        yield from wrapped(f"{name} ({purpose.kind}): {purpose.text}")
        yield from wrapped(f"Necessary: {purpose.necessity.strip() or 'not stated'}", "    ")
        yield from wrapped(
            f"Proportionate: {purpose.proportionality.strip() or 'not stated'}", "    "
        )
        yield from listed("Pursued by", purpose.pursued_by or ("every role",), "    ")
        exact = exact_counts_of_purpose(purpose)
        if exact is not None:
            yield from wrapped(exact, "    ")
        shown = {"text", "kind", "necessity", "proportionality", "pursued_by"}
        yield from other_members(purpose, shown, "    ")
        for basis in contract.legal_bases:
            if basis.purpose == name:
                yield from basis_lines(basis, "    ")
    for basis in contract.legal_bases:
        if basis.purpose not in contract.purposes:
            yield from wrapped(f"{basis.purpose}: the agreement does not say what it is")
            yield from basis_lines(basis, "    ")


def _topics(contract: Contract) -> Iterator[str]:
    for name, topic in contract.topics.items():
        yield f"  Topic {name}: {topic.partitions} partitions"
        yield from other_members(topic, {"partitions"}, "    ")


def _event_type(contract: Contract, name: str) -> Iterator[str]:
    terms = contract.event_types[name]
    yield ""
    yield from wrapped(f"{name} (clause {terms.clause}): {terms.text}")
    yield from listed("sent by", terms.publishers, "    ")
    yield from listed("sent to", terms.recipients, "    ")
    yield from listed("for", terms.purposes, "    ")
    if terms.informed:
        yield from listed("may be told although no side of the referral", terms.informed, "    ")
    yield from wrapped(f"on topic {terms.topic}", "    ")
    incidents = of_incident(contract.vocabulary, terms.incident_identifiers)
    if incidents:
        yield from wrapped(f"identifying fields: {incidents}", "    ")
    if terms.retention is None:
        yield "    retention: none agreed"
    else:
        yield from wrapped(
            f"kept {terms.retention.kafka_days} days on Kafka, "
            f"{terms.retention.recipient_years} years by the recipient",
            "    ",
        )
        yield from other_members(terms.retention, {"kafka_days", "recipient_years"}, "      ")
    yield from _levels(terms.service_levels)
    shown = {"clause", "text", "publishers", "recipients", "purposes", "topic", "fields"}
    shown |= {"informed", "incident_identifiers", "retention", "service_levels"}
    yield from other_members(terms, shown, "    ")
    for role in terms.recipients:
        yield from _role(contract, terms, role)
    for path, field in terms.fields.items():
        yield from _field(contract, name, path, field)


def _levels(levels: ServiceLevels | None) -> Iterator[str]:
    if levels is None:
        yield "    service levels: none agreed"
        return
    for name in type(levels).model_fields:
        value = getattr(levels, name)
        if value is not None:
            plain = name.removeprefix("urgent_")
            when = ", if urgent" if plain != name else ""
            yield f"    {plain.replace('_', ' ')} {duration(value)}{when}"


def _role(contract: Contract, terms: EventTerms, role: str) -> Iterator[str]:
    always, consent, never = [], [], []
    for path, field in terms.fields.items():
        if role not in field.readers:
            never.append(path)
        elif consent_needs(contract, terms, field).scopes_for(role):
            consent.append(path)
        else:
            always.append(path)
    yield from listed(f"{role} reads", always, "    ")
    if consent:
        yield from listed(f"{role} reads only with consent", consent, "    ")
    if never:
        yield from listed(f"{role} never reads", never, "    ")


def _field(contract: Contract, name: str, path: str, field: FieldTerms) -> Iterator[str]:
    terms = contract.event_types[name]
    marks = [kind_of_data(field)]
    marks += ["identifies a person"] if field.identifies else []
    marks += ["in every event"] if field.required else []
    yield from wrapped(f"{path} (clause {field.clause}): {', '.join(marks)}", "    ")
    yield from listed("for", field.purposes, "      ")
    yield from listed("read by", field.readers, "      ")
    if field.senders:
        yield from listed("sent only by", field.senders, "      ")
    needs, in_words = consent_needs(contract, terms, field), contract.vocabulary.scope_in_words
    stated = frozenset(field.consent)
    for code in needs.everyone:
        why = "" if code in stated else ", because it identifies"
        yield from wrapped(f"only with consent to {in_words(code)}{why}", "      ")
    for need in needs.by_role:
        yield from wrapped(
            f"{need.role}: only with consent to {in_words(need.scope)} too, clause {need.clause}"
            + (f", except from {', '.join(need.unless_from)}" if need.unless_from else ""),
            "      ",
        )
    if field.without_consent is not None:
        yield from wrapped(f"why it flows without consent: {field.without_consent}", "      ")
    for rule in (*needed_beside(contract, name, path), *closed_codes(contract, name, path)):
        yield from wrapped(rule, "      ")
    shown = {"clause", "category", "sensitivity", "data_subject", "purposes", "readers"}
    shown |= {"senders", "required", "consent", "identifies", "without_consent"}
    yield from other_members(field, shown, "      ")


def _terms(contract: Contract) -> Iterator[str]:
    in_words = contract.vocabulary.scope_in_words
    asking = [name for name, terms in contract.event_types.items() if asks_consent(contract, terms)]
    for role, rule in contract.consent_by_role.items():
        except_from = (
            f" This does not apply to what {' and '.join(rule.unless_from)} send."
            if rule.unless_from
            else " This applies to every sender."
        )
        yield from wrapped(
            f"Clause {rule.clause}: {role} reads identifying fields only with consent to "
            f"{in_words(rule.scope)} too.{except_from} The rule holds for the event types that "
            f"carry answers about consent: {', '.join(asking) or 'none'}. In other event types, "
            "identifying fields flow without consent, and each field says why."
        )
        yield from other_members(rule, {"clause", "scope", "unless_from"}, "    ")
    for text in contract.use.permitted:
        yield from wrapped(f"Permitted: {text}")
    for text in contract.use.prohibited:
        yield from wrapped(f"Prohibited: {text}")
    yield from wrapped(f"Passing on: {contract.use.onward_disclosure}")
    yield from other_members(contract.use, {"permitted", "prohibited", "onward_disclosure"}, "  ")
    yield from wrapped(f"Deletion: {contract.retention.deletion}")
    yield from wrapped(
        f"Grace: a record may still be opened {contract.retention.grace_days} days after retention "
        "on Kafka and the agreement have ended"
    )
    yield from other_members(contract.retention, {"deletion", "grace_days"}, "  ")
    for name in type(contract.service_levels).model_fields:
        value = getattr(contract.service_levels, name)
        yield f"  {name.replace('_', ' ').capitalize()}: {duration(value)}"
    yield from _reports(contract)
    for text in contract.security:
        yield from wrapped(f"Security: {text}")
    if contract.reason_asked_of:
        yield from wrapped(
            "Reasons (reason_asked_of): a person of one of these roles states a reason before our "
            "software shows data of an event, and the disclosure log of the person's agency "
            f"records it: {', '.join(contract.reason_asked_of)}"
        )
    for name, text in contract.acknowledgements.items():
        yield from wrapped(f"Acknowledged, {name}: {text}")
    yield from _statistics(contract)
    for label, assessment in (
        ("Data protection impact assessment", contract.dpia),
        ("Equality impact assessment", contract.equality_impact_assessment),
    ):
        review = f", review on {assessment.review_on}" if assessment.review_on else ""
        yield from wrapped(f"{label}: {assessment.reference} of {assessment.date}{review}")
        yield from wrapped(f"Summary: {assessment.summary}", "    ")
        yield from other_members(assessment, {"reference", "date", "summary", "review_on"}, "    ")
    for item in contract.consulted:
        yield from wrapped(f"Consulted on {item.date}: {item.who}")
        yield from wrapped(f"Outcome: {item.outcome}", "    ")
        yield from other_members(item, {"date", "who", "outcome"}, "    ")
    yield from wrapped(f"Privacy notice: {contract.privacy_notice}")
    for name in type(contract.terms).model_fields:
        yield from wrapped(f"{name.capitalize()}: {getattr(contract.terms, name)}")


def _reports(contract: Contract) -> Iterator[str]:
    every = contract.report_every_ms
    if every is None:
        yield from wrapped(
            "Delivery reports (report_every): none. A sender does not learn whether the "
            "recipient's own system took an event, and gets no alert if it refused one"
        )
        return
    stated = (
        ""
        if contract.report_every is not None
        else " The agreement does not state it: this is the default for its number of parties."
    )
    yield from wrapped(
        f"Delivery reports (report_every): every {duration_text(every)}.{stated} Each recipient "
        "tells the sender which of the sender's events its own system accepted, put aside or "
        "refused. A report is sent even if there is nothing to say, and always has the same size, "
        "so the organisation that runs Kafka cannot see how many events were refused"
    )


def _statistics(contract: Contract) -> Iterator[str]:
    control = contract.statistics
    if control is None:
        yield "  Statistics: no disclosure control agreed"
        return
    secondary = "with" if control.secondary_suppression else "without"
    area = control.suppress_area_below
    of_areas = "" if area is None else f"in figures of one area, those below {area}; "
    yield from wrapped(
        f"Statistics: figures below {control.suppress_below} are hidden, {secondary} secondary "
        "suppression; in a table by three or more dimensions, those below "
        f"{control.suppress_breakdown_below}; {of_areas}the rest is rounded to {control.round_to}. "
        f"{control.text}"
    )
    if control.tally is not None:
        yield from wrapped(
            f"Cases that several kinds of agency have seen: {control.tally} tallies them, from "
            "pseudonyms of each quarter whose key it does not have"
        )
    if control.published_by is not None:
        yield from wrapped(
            f"Figures are published by {control.published_by}, and by no other party"
        )
    elif len(contract.figures_publishers) > 1:
        yield from wrapped(
            "Figures may be published by each of these parties: "
            f"{', '.join(sorted(contract.figures_publishers))}. Two tables of one quarter by "
            "different parties can together give a hidden number away; the agreement can name one "
            "party (statistics.published_by)"
        )
    shown = {"suppress_below", "round_to", "suppress_breakdown_below", "text", "tally"}
    shown |= {"secondary_suppression", "published_by", "suppress_area_below"}
    yield from other_members(control, shown, "    ")


def _versions(contract: Contract) -> Iterator[str]:
    for entry in contract.version_record:
        yield from wrapped(f"{entry.version} of {entry.date}: {entry.change}")
        yield from wrapped(f"Authorised by: {entry.authorised_by}", "    ")
        yield from other_members(entry, {"version", "date", "change", "authorised_by"}, "    ")


def _keys(contract: Contract) -> Iterator[str]:
    for agency, keys in contract.governance_keys.items():
        party = contract.party(agency)
        name = f": {party.legal_name}" if party is not None else ""
        yield from wrapped(f"{agency}{name}")
        if keys.needed > 1:
            count = len(keys.pairs)
            yield f"    {keys.needed} of these {count} officers must sign together:"
        for officer, pair in keys.pairs.items():
            if officer is not None:
                yield f"    {officer}"
            for algorithm, raw in (
                ("ed25519", pair.ed25519_raw),
                ("ml-dsa-65", pair.ml_dsa_65_raw),
            ):
                yield f"    {algorithm:9} {key_fingerprint('governance', algorithm, raw)}"
