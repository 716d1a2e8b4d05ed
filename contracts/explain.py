"""The agreement in words, for information governance officers: who, what for, what, how long.

It ends with the fingerprint of each governance key, to be compared by telephone before anyone
signs: trust starts there (protocol `concordant/1`, "The idea in five lines").
"""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Iterable, Iterator

from contracts.durations import DAY_MS, HOUR_MS, MINUTE_MS, duration_ms
from contracts.loading import ContractText
from contracts.model import Contract
from contracts.standing import Standing
from contracts.terms import EventTerms
from contracts.vocabulary import codes

__all__ = ["explain", "explain_field", "fingerprint"]

_WIDTH = 96
_STATES = {
    "draft": "nobody has signed yet",
    "partially_signed": "not signed yet by",
    "in_force": "in force",
    "not_started": "signed, not started yet",
    "expired": "expired",
    "suspended": "suspended",
    "left": "ended: its parties have left",
}


def explain(text: ContractText, standing: Standing | None = None) -> str:
    """Return the whole agreement in words, in lines of at most about 96 characters.

    Args:
        text: the agreement.
        standing: what it is worth now, if known.
    """
    contract = text.contract
    lines: list[str] = [f"{contract.title}", f"{contract.name} {contract.version}", ""]
    lines += _wrapped(contract.summary)
    lines += ["", f"SHA-256 of the file: {text.hash.hex()}"]
    lines.append(f"In force from {contract.starts} to {contract.ends}, both included (UTC).")
    if contract.review_on is not None:
        lines += _wrapped(f"Review by {contract.review_on}: {', '.join(contract.review_by)}.")
    if standing is not None:
        lines.append(f"Now: {_standing(standing)}.")
    lines += ["", "WHO", *_parties(contract)]
    lines += ["", "WHAT FOR, AND ON WHAT BASIS", *_purposes(contract)]
    lines += ["", "WHAT FLOWS"]
    for name in contract.event_types:
        lines += _event_type(contract, name)
    lines += ["", "TERMS", *_terms(contract)]
    lines += ["", "GOVERNANCE KEYS: compare each by telephone with the party's operations contact"]
    lines += _keys(contract)
    return "\n".join(lines) + "\n"


def explain_field(contract: Contract, event_type: str, path: str) -> str:
    """Return in words who may read one field and why, or that nobody may."""
    terms = contract.event_types.get(event_type)
    field = terms.fields.get(path) if terms is not None else None
    if field is None:
        return f"{path} of {event_type}: the contract grants it to nobody.\n"
    readers = [p.id for p in contract.parties if p.role in field.readers]
    lines = [
        f"{path} of {event_type}, clause {field.clause}",
        f"  {field.category}, {field.sensitivity}; about: {field.data_subject}",
        f"  read by: {', '.join(field.readers)} ({', '.join(readers)})",
        f"  for: {', '.join(field.purposes)}",
    ]
    if field.senders:
        lines.append(f"  sent only by: {', '.join(field.senders)}")
    if field.consent:
        lines.append(f"  only with consent to: {', '.join(map(_scope, field.consent))}")
    if field.without_consent is not None:
        lines.append(f"  not on consent: {field.without_consent}")
    return "\n".join(lines) + "\n"


def fingerprint(role: str, algorithm: str, raw: bytes) -> str:
    """Return a key's whole id in groups of four hexadecimal digits, for reading aloud.

    The id is H(lp("concordant/1/kid", role, algorithm, raw public key)) (protocol `concordant/1`,
    "Keys and who holds them"); it is the same that manifests carry.
    """
    parts = (b"concordant/1/kid", role.encode(), algorithm.encode(), raw)
    framed = len(parts).to_bytes(8, "big") + b"".join(
        len(part).to_bytes(8, "big") + part for part in parts
    )
    digits = hashlib.sha256(framed).hexdigest()
    return " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False
    )


def _listed(label: str, items: Iterable[str], indent: str = "  ") -> list[str]:
    text = f"{label}: {', '.join(items) or 'none'}"
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _standing(standing: Standing) -> str:
    text = _STATES[standing.state]
    if standing.state == "partially_signed":
        return f"{text} {', '.join(standing.by)}"
    if standing.departed:
        gone = ", ".join(f"{a} ({d.state})" for a, d in standing.departed.items())
        return f"{text}, without {gone}"
    return text


def _scope(scope: str) -> str:
    return codes("consent_scope")[scope].lower()


def _parties(contract: Contract) -> Iterator[str]:
    for role, text in contract.roles.items():
        yield f"  {role}: {text}"
        for party in contract.parties_of_role(role):
            extra = ", third-party reporting centre" if party.third_party_reporting else ""
            yield f"    {party.id}: {party.legal_name}"
            yield (
                f"      {party.relationship}, {party.regime}, ICO {party.ico_registration}, "
                f"areas {', '.join(party.area)}{extra}"
            )
            yield f"      data protection officer: {party.contacts.data_protection_officer.email}"
            yield f"      connects to Kafka as: {party.principal}"
    for processor in contract.processors:
        yield from _wrapped(
            f"Processor, granted nothing: {processor.name}, {processor.location}. "
            f"{processor.service} {processor.sees}",
            "  ",
        )
    if contract.coordinator is not None:
        yield f"  Coordinator, a contact only: {contract.coordinator.name}"


def _purposes(contract: Contract) -> Iterator[str]:
    for name, purpose in contract.purposes.items():
        yield from _wrapped(f"{name}: {purpose.text}", "  ")
        yield from _wrapped(f"Necessary: {purpose.necessity}", "    ")
        yield from _wrapped(f"Proportionate: {purpose.proportionality}", "    ")
        for basis in contract.legal_bases:
            if basis.purpose == name:
                conditions = [
                    f"{label} {value}"
                    for label, value in (
                        ("Article", basis.article_9),
                        ("Schedule 1", basis.schedule_1),
                        ("Schedule 8", basis.schedule_8),
                    )
                    if value is not None
                ]
                gateways = f"; gateway {', '.join(basis.gateways)}" if basis.gateways else ""
                yield from _wrapped(
                    f"{', '.join(basis.relied_on_by)}: {basis.basis}; "
                    f"{'; '.join(conditions) or 'no condition for special categories'}{gateways}",
                    "    ",
                )


def _event_type(contract: Contract, name: str) -> Iterator[str]:
    terms = contract.event_types[name]
    yield ""
    yield f"  {name} (clause {terms.clause}): {terms.text}"
    yield from _listed("sent by", terms.publishers, "    ")
    limited: dict[tuple[str, ...], list[str]] = {}
    for path, field in terms.fields.items():
        if field.senders:
            limited.setdefault(field.senders, []).append(path)
    for senders, paths in limited.items():
        yield from _listed(f"sent only by {' and '.join(senders)}", paths, "    ")
    for role in terms.recipients:
        yield from _role(terms, role)
    if terms.retention is not None:
        yield (
            f"    kept {terms.retention.kafka_days} days on Kafka, "
            f"{terms.retention.recipient_years} years by the recipient"
        )
    if terms.service_levels is not None:
        levels = terms.service_levels
        yield (
            f"    acknowledge within {_length(levels.acknowledge_within)}, "
            f"respond within {_length(levels.respond_within)}"
        )


def _role(terms: EventTerms, role: str) -> Iterator[str]:
    fields = terms.fields
    always = [p for p, f in fields.items() if role in f.readers and not f.consent]
    consent = [p for p, f in fields.items() if role in f.readers and f.consent]
    never = [p for p, f in fields.items() if role not in f.readers]
    yield from _listed(f"{role} reads", always, "    ")
    if consent:
        yield from _listed(f"{role} reads only with consent", consent, "    ")
    if never:
        yield from _listed(f"{role} never reads", never, "    ")


def _terms(contract: Contract) -> Iterator[str]:
    for role, rule in contract.consent_by_role.items():
        yield from _wrapped(
            f"Clause {rule.clause}: {role} reads nothing that identifies without consent to "
            f"{_scope(rule.scope)}, unless the sender is "
            f"{', '.join(rule.unless_from) or 'nobody'}.",
            "  ",
        )
    for label, texts in (
        ("Permitted", contract.use.permitted),
        ("Prohibited", contract.use.prohibited),
        ("Onward", (contract.use.onward_disclosure,)),
        ("Deletion", (contract.retention.deletion,)),
        ("Leaving", (contract.terms.leaving,)),
        ("Suspension", (contract.terms.suspension,)),
        ("Disputes", (contract.terms.disputes,)),
        ("Assessments", (contract.dpia.reference, contract.equality_impact_assessment.reference)),
        ("Consulted", tuple(item.who for item in contract.consulted)),
    ):
        for text in texts:
            yield from _wrapped(f"{label}: {text}", "  ")


def _keys(contract: Contract) -> Iterator[str]:
    for agency, keys in contract.governance_keys.items():
        party = contract.party(agency)
        contact = party.contacts.operations.email if party is not None else ""
        yield f"  {agency} ({contact})"
        for algorithm, raw in (("ed25519", keys.ed25519_raw), ("ml-dsa-65", keys.ml_dsa_65_raw)):
            yield f"    {algorithm:9} {fingerprint('governance', algorithm, raw)}"


def _length(duration: str) -> str:
    milliseconds = duration_ms(duration)
    if milliseconds % DAY_MS == 0:
        return f"{milliseconds // DAY_MS} days"
    if milliseconds % HOUR_MS == 0:
        return f"{milliseconds // HOUR_MS} hours"
    return f"{milliseconds // MINUTE_MS} minutes"
