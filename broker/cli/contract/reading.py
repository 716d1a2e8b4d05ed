"""Behind ``contract explain`` and ``contract matrix``: one contract, in words and as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from broker.agency.participant import Participant, load_participant
from broker.cli.wrong_input import WrongInputError
from broker.errors import RegistryError
from broker.keys.kid import ED25519, GOVERNANCE, ML_DSA_65
from broker.registry.contracts import SignedContract
from contracts.explain import explain, explain_field, fingerprint
from contracts.loading import ContractText, load_contract
from contracts.matrix import MatrixRow, columns, matrix, readers_of
from contracts.model import Contract
from contracts.standing import Standing


@dataclass(frozen=True, slots=True)
class Chosen:
    """The contract that was asked about; its standing is known where an agency was named."""

    text: ContractText
    standing: Standing | None

    @property
    def contract(self) -> Contract:
        """Its terms."""
        return self.text.contract


def choose(file: Path | None, agency: Path | None, name: str | None, now: int) -> Chosen:
    """The contract of a file, or the one of an agency that applies now (else its newest).

    Raises:
        ConcordantError: it cannot be read, or the agency's folder does not hold together;
            `contract_missing` or `contract_ambiguous`.
    """
    if file is not None:
        return Chosen(load_contract(file), None)
    assert agency is not None
    participant = load_participant(agency, now, unsigned_ok=True)
    signed = select(participant, name, now)
    return Chosen(signed.text, participant.standing(signed, now))


def select(participant: Participant, name: str | None, now: int) -> SignedContract:
    """The contract that applies now, or the newest one if none does.

    Raises:
        RegistryError: `contract_missing` or `contract_ambiguous`.
        WrongInputError: `contract_unknown`.
    """
    known = [s for s in participant.contracts.all() if name is None or s.contract.name == name]
    if name is not None and not known:
        names = dict.fromkeys(signed.contract.name for signed in participant.contracts.all())
        raise WrongInputError(
            f"There is no contract called {name}.",
            code="contract_unknown",
            fix=f"This agency has: {', '.join(names) or 'none'}",
        )
    if len(known) == 1:
        return known[0]
    try:
        return participant.contract(now, name)
    except RegistryError as error:
        if error.code in {"contract_missing", "contract_ambiguous"}:
            raise
        return known[-1]


def explanation(chosen: Chosen) -> str:
    """The whole contract in words."""
    return explain(chosen.text, chosen.standing)


def explanation_json(chosen: Chosen) -> dict[str, object]:
    """Its outline for programs; the fields are in `contract matrix --json`."""
    contract = chosen.contract
    return {
        **_named(chosen),
        "title": contract.title,
        "summary": contract.summary,
        "starts": contract.starts.isoformat(),
        "ends": contract.ends.isoformat(),
        "review_on": contract.review_on.isoformat() if contract.review_on else None,
        "standing": _standing(chosen.standing),
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
    }


def fingerprints(contract: Contract, agency: str) -> dict[str, str]:
    """The fingerprints of a party's governance keys, in groups of four."""
    keys = contract.governance_keys[agency]
    return {
        ED25519: fingerprint(GOVERNANCE, ED25519, keys.ed25519_raw),
        ML_DSA_65: fingerprint(GOVERNANCE, ML_DSA_65, keys.ml_dsa_65_raw),
    }


def field_text(chosen: Chosen, event_type: str, path: str) -> str:
    """Who may read one field, in words."""
    return explain_field(chosen.contract, event_type, path)


def field_json(chosen: Chosen, event_type: str, path: str) -> dict[str, object]:
    """Who may read one field, for programs; `clause` is null where nobody may."""
    field = chosen.contract.event_types[event_type].fields.get(path)
    return {
        **_named(chosen),
        "type": event_type,
        "field": path,
        "clause": field.clause if field else None,
        "readers": list(readers_of(chosen.contract, event_type, path)),
        "purposes": list(field.purposes) if field else [],
        "consent": list(field.consent) if field else [],
    }


def matrix_rows(
    chosen: Chosen, event_type: str | None, path: str | None, *, by_agency: bool
) -> tuple[tuple[str, ...], tuple[MatrixRow, ...]]:
    """(columns, rows), of one type or field if asked for."""
    by = "agency" if by_agency else "role"
    rows = matrix(chosen.contract, by, event_type)  # type: ignore[arg-type]  # one of its two
    kept = tuple(row for row in rows if path is None or _below(row.path, path))
    return columns(chosen.contract, by), kept  # type: ignore[arg-type]  # as above


def matrix_table(
    names: Sequence[str], rows: Sequence[MatrixRow]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heading and lines for eyes: what is most asked for, consent scopes beside the field."""
    heading = ("type", "field", "clause", "consent", *names)
    lines = [
        (
            row.event_type,
            row.path,
            row.clause,
            ", ".join(row.consent) or "-",
            *(row.access[name] for name in names),
        )
        for row in rows
    ]
    return heading, lines


def matrix_csv(names: Sequence[str], rows: Sequence[MatrixRow]) -> str:
    """Everything that is known of each field, for a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    known = ("type", "field", "clause", "category", "sensitivity", "senders", "required", "consent")
    writer.writerow((*known, *names))
    for row in rows:
        writer.writerow(
            (
                row.event_type,
                row.path,
                row.clause,
                row.category,
                row.sensitivity,
                " ".join(row.senders),
                "yes" if row.required else "no",
                " ".join(row.consent),
                *(row.access[name] for name in names),
            )
        )
    return text.getvalue()


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
                "clause": row.clause,
                "category": row.category,
                "sensitivity": row.sensitivity,
                "senders": list(row.senders),
                "required": row.required,
                "consent": list(row.consent),
                "access": dict(row.access),
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


def _standing(standing: Standing | None) -> Mapping[str, object] | None:
    if standing is None:
        return None
    return {
        "state": standing.state,
        "by": list(standing.by),
        "departed": {agency: each.state for agency, each in standing.departed.items()},
    }


def _below(path: str, asked: str) -> bool:
    return path == asked or path.startswith(f"{asked}.")
