"""Texts, tables and JSON of ``contract explain`` and ``contract matrix``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from broker.keys.kid import ED25519, GOVERNANCE, ML_DSA_65
from broker.operations.contract_choice import Chosen
from contracts.explain import explain, explain_framework
from contracts.field_answer import FieldAnswer
from contracts.legal_codes import codes_in, legal_codes
from contracts.markup import Document, Preformatted
from contracts.matrix import MatrixRow, columns, matrix
from contracts.model import Contract
from contracts.parties import key_fingerprint
from contracts.status import ContractStatus
from contracts.terms import LegalBasis


def explanation(chosen: Chosen) -> str:
    """The whole contract in words."""
    waiting = [one for one in chosen.states if one.awaits_us]
    lines = [f"{one.named} awaits the signature of this agency." for one in waiting]
    lines += [f"To do: {waiting[0].step.what}"] if waiting and waiting[0].step else []
    lines += [f"  {waiting[0].step.command}"] if waiting and waiting[0].step else []
    state = None if chosen.state is None else chosen.state.state
    before = "".join(f"{line}\n" for line in lines) + ("\n" if lines else "")
    whole = explain(chosen.text, chosen.status, replaced=state == "superseded")
    return before + whole + "\n" + explain_framework(chosen.framework)


def explanation_document(chosen: Chosen) -> Document:
    """The whole contract in words, as a document."""
    return Document(chosen.contract.title, (Preformatted(explanation(chosen)),))


def explanation_json(chosen: Chosen) -> dict[str, object]:
    """The whole contract for programs: an outline, and under `terms` every term as it is signed."""
    contract = chosen.contract
    return {
        **_named(chosen),
        "title": contract.title,
        "summary": contract.summary,
        "starts": contract.starts.isoformat(),
        "ends": contract.ends.isoformat(),
        "review_on": contract.review_on.isoformat() if contract.review_on else None,
        "framework": chosen.framework,
        "standing": _status(chosen.status),
        "state": None if chosen.state is None else chosen.state.state,
        "awaits_us": [one.named for one in chosen.states if one.awaits_us],
        "parties": [
            {
                "id": party.id,
                "legal_name": party.legal_name,
                "role": party.role,
                "regime": party.regime,
                "operations": party.contacts.operations.email,
                "governance_fingerprints": fingerprints(contract, party.id),
            }
            for party in contract.parties
        ],
        "processors": [processor.name for processor in contract.processors],
        "purposes": {name: purpose.text for name, purpose in contract.purposes.items()},
        "event_types": {
            name: {
                "clause": terms.clause,
                "text": terms.text,
                "publishers": list(terms.publishers),
                "recipients": list(terms.recipients),
            }
            for name, terms in contract.event_types.items()
        },
        "terms": contract.model_dump(mode="json"),
    }


def fingerprints(contract: Contract, agency: str) -> dict[str, str]:
    """The fingerprints of a party's governance keys, in groups of four; none without keys."""
    keys = contract.governance_keys.get(agency)
    if keys is None:
        return {}
    found: dict[str, str] = {}
    for officer, pair in keys.pairs.items():
        before = "" if officer is None else f"{officer} "
        found |= {
            f"{before}{ED25519}": key_fingerprint(GOVERNANCE, ED25519, pair.ed25519_raw),
            f"{before}{ML_DSA_65}": key_fingerprint(GOVERNANCE, ML_DSA_65, pair.ml_dsa_65_raw),
        }
    return found


READER_COLUMNS = (
    "TYPE",
    "FIELD",
    "READ BY",
    "AGENCIES",
    "FOR",
    "BASIS",
    "CONSENT",
    "KEPT",
    "CLAUSE",
)


def reader_rows(answer: FieldAnswer) -> list[tuple[str, ...]]:
    """Return one row for each role that may read a field; none if no role may."""
    if answer.terms is None:
        return []
    kept = answer.retention
    return [
        (
            answer.event_type,
            answer.path,
            reader.role,
            ", ".join(reader.agencies) or "no party yet",
            ", ".join(answer.terms.purposes),
            "; ".join(_codes(reader.bases)) or "none is named",
            ", ".join(reader.consent) or "not needed",
            f"{kept.recipient_years} years" if kept is not None else "not agreed",
            answer.terms.clause,
        )
        for reader in answer.readers
    ]


def _codes(bases: Iterable[LegalBasis]) -> tuple[str, ...]:
    """Return the codes of legal bases, each once."""
    return tuple(dict.fromkeys(code for basis in bases for code in codes_in(basis.basis)))


def meanings(answers: Sequence[FieldAnswer]) -> list[tuple[str, str]]:
    """Return each purpose and legal basis of the answers with what it means."""
    known = legal_codes("bases")
    purposes = {name: one.text for answer in answers for name, one in answer.purposes}
    named = _codes(basis for one in answers for each in one.readers for basis in each.bases)
    bases = {code: known[code].label for code in named if code in known}
    return [*purposes.items(), *bases.items()]


def field_text(answers: Sequence[FieldAnswer], asked: str) -> str:
    """Return who may read one field, in words; for an object, the fields below it."""
    if any(answer.path == asked for answer in answers):
        return "\n".join(answer.as_text() for answer in answers)
    rows = [
        f"  {answer.event_type}  {answer.path}: "
        + (
            f"clause {answer.terms.clause}, read by {', '.join(answer.terms.readers)}"
            if answer.terms
            else "granted to no role"
        )
        for answer in answers
    ]
    return "\n".join((f"{asked} is not one field. Below it are:", *rows)) + "\n"


def field_json(
    chosen: Chosen, answers: Sequence[FieldAnswer], asked: str, event_type: str | None
) -> dict[str, object]:
    """The same for programs: one object for one field of one type, else a list of `answers`."""
    if event_type is not None and len(answers) == 1 and answers[0].path == asked:
        return {**_named(chosen), **answers[0].as_json()}
    return {
        **_named(chosen),
        "type": event_type,
        "field": asked,
        "answers": [answer.as_json() for answer in answers],
    }


def matrix_rows(
    chosen: Chosen, event_type: str | None, path: str | None, *, by_agency: bool
) -> tuple[tuple[str, ...], tuple[MatrixRow, ...]]:
    """(columns, rows), of one type or field if asked for.

    Raises:
        UnknownNameError: `type_unknown` or `field_unknown`.
    """
    by: Literal["role", "agency"] = "agency" if by_agency else "role"
    return columns(chosen.contract, by), matrix(chosen.contract, by, event_type, path)


def matrix_table(
    names: Sequence[str], rows: Sequence[MatrixRow]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heading and lines for people: who reads it, and with which consent; `NOT_IN_TABLE` is not."""
    heading = ("type", "field", "clause", "consent", *names)
    lines = [
        (
            row.event_type,
            row.path,
            row.terms.clause,
            _consent(row) or "-",
            *(row.access[name] for name in names),
        )
        for row in rows
    ]
    return heading, lines


NOT_IN_TABLE = (
    "The table shows who reads each field and with which consent. Purposes, senders, retention and "
    "the other terms of each field are in --csv and --json; every term of the agreement is in "
    "`contract explain`."
)
"""Text about the terms that the table leaves out."""


def _consent(row: MatrixRow) -> str:
    by_role = [f"{need.role}: {need.scope}" for need in row.needs.by_role]
    return ", ".join((*row.needs.everyone, *by_role))


def matrix_csv(names: Sequence[str], rows: Sequence[MatrixRow]) -> str:
    """Every term of each field, for a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    known = ("type", "field", "clause", "category", "sensitivity", "senders", "required", "consent")
    needs = ("consent_needed", "consent_by_role", "consent_exceptions")
    others = ("readers", "purposes", "data_subject", "identifies", "without_consent")
    of_type = ("recipients", "incident_identifiers", "kafka_days", "recipient_years")
    writer.writerow((*known, *names, *needs, *others, *of_type))
    for row in rows:
        terms = row.terms
        cells = (
            row.event_type,
            row.path,
            terms.clause,
            terms.category,
            terms.sensitivity,
            " ".join(row.senders),
            "yes" if terms.required else "no",
            " ".join(terms.consent),
            *(row.access[name] for name in names),
            " ".join(row.needs.everyone),
            " ".join(f"{need.role}:{need.scope}:{need.clause}" for need in row.needs.by_role),
            " ".join(f"{n.role}:{s}" for n in row.needs.by_role for s in n.unless_from),
            " ".join(terms.readers),
            " ".join(terms.purposes),
            terms.data_subject,
            "yes" if terms.identifies else "no",
            terms.without_consent or "",
            " ".join(row.recipients),
            row.incident_identifiers,
            row.kafka_days if row.kafka_days is not None else "",
            row.recipient_years if row.recipient_years is not None else "",
        )
        writer.writerow([_cell(cell) for cell in cells])
    return text.getvalue()


def _cell(value: str | int) -> str:
    """Return a text that a spreadsheet does not run as a formula."""
    text = str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def matrix_json(
    chosen: Chosen, names: Sequence[str], rows: Sequence[MatrixRow]
) -> dict[str, object]:
    """The same for programs."""
    return {
        **_named(chosen),
        "columns": list(names),
        "rows": [
            {
                "type": row.event_type,
                "field": row.path,
                "clause": row.terms.clause,
                "category": row.terms.category,
                "sensitivity": row.terms.sensitivity,
                "senders": list(row.senders),
                "required": row.terms.required,
                "consent": list(row.terms.consent),
                "consent_needed": list(row.needs.everyone),
                "consent_by_role": {
                    need.role: {
                        "scope": need.scope,
                        "clause": need.clause,
                        "unless_from": list(need.unless_from),
                    }
                    for need in row.needs.by_role
                },
                "access": dict(row.access),
                "terms": row.terms.model_dump(mode="json"),
                "recipients": list(row.recipients),
                "incident_identifiers": row.incident_identifiers,
                "kafka_days": row.kafka_days,
                "recipient_years": row.recipient_years,
            }
            for row in rows
        ],
    }


def _named(chosen: Chosen) -> dict[str, object]:
    contract = chosen.contract
    return {
        "contract": contract.name,
        "version": contract.version,
        "deployment": contract.deployment,
        "sha256": chosen.text.hash.hex(),
    }


def _status(status: ContractStatus | None) -> Mapping[str, object] | None:
    if status is None:
        return None
    return {
        "state": status.state,
        "by": list(status.by),
        "departed": {agency: each.state for agency, each in status.departed.items()},
    }
