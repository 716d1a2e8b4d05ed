"""Cost of reading and comparing agreements, for a small one and for a large partnership.

The small agreement is the shipped one, with its seven parties. The large partnership has 50
agreements, each of 100 parties with 20 event types of 10 fields: 200 fields. Steps are the
functions that the commands call, in CPU time of this process; memory is what Python allocates at
most during the step. Every agreement is signed by every party.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench import results
from bench.many_parties import SHOWN, SIGNATORY
from broker.envelope.primitives import Ed25519Signer, MlDsa65Signer, b64, sha256
from broker.keys.governance import GovernanceSigner
from broker.keys.kid import ED25519, GOVERNANCE, ML_DSA_65, kid
from broker.keys.signer import SoftwareSigner
from broker.registry.contract_book import ContractBook
from broker.registry.contracts import SignedContract, countersign, verify_contract
from broker.registry.manifests import ManifestBook
from contracts.async_api import async_api_document
from contracts.comparison import compare
from contracts.comparison_summary import summarise
from contracts.data_dictionary import data_dictionary_csv
from contracts.decision import decide
from contracts.documents import shipped_pins
from contracts.drafting import YamlValue, draft, london_parties
from contracts.events import PlainEvent
from contracts.explain import explain
from contracts.field_answer import answer_fields
from contracts.impact_assessment import impact_assessment
from contracts.lint import lint_text
from contracts.loading import (
    ContractText,
    parse_contract,
    parse_draft,
    shipped_terms,
)
from contracts.model import Contract, Pins
from contracts.new_terms import AgreementOutline, NewRole, new_terms
from contracts.odcs import odcs_document
from contracts.parties import GovernanceKeys
from contracts.party_paper import party_paper
from contracts.processing_record import processing_record_csv
from contracts.simulation import simulate
from contracts.status import contract_status
from contracts.vocabulary import parse_vocabulary, unflatten
from contracts.vocabulary.known import Documents
from contracts.vocabulary.samples import sample_values

DEPLOYMENT: Final = "pan-london"
FIRST_DAY: Final = date(2026, 12, 1)
TODAY: Final = date(2026, 11, 30)
PARTIES, AGREEMENTS, TYPES, FIELDS = 100, 50, 20, 200
LIMIT_S: Final = 5.0
"""Longest time that an officer should wait, in seconds."""


@dataclass(frozen=True)
class Sample:
    """An agreement to measure: its text, its next version, and the notes of all parties."""

    text: ContractText
    raw: bytes
    after: Contract
    notes: tuple[bytes, ...]
    documents: Documents | None = None


@cache
def signer(agency: str) -> GovernanceSigner:
    """Return governance keys, the same each time."""
    first = Ed25519Signer(sha256(f"ed25519 {agency}".encode()))
    second = MlDsa65Signer(sha256(f"ml-dsa-65 {agency}".encode()))
    return GovernanceSigner(
        DEPLOYMENT,
        agency,
        SoftwareSigner(kid(GOVERNANCE, ED25519, first.public), GOVERNANCE, ED25519, first),
        SoftwareSigner(kid(GOVERNANCE, ML_DSA_65, second.public), GOVERNANCE, ML_DSA_65, second),
    )


def vocabulary_text() -> str:
    """Return a vocabulary of 20 types with 10 fields each."""
    lines = [
        "format: concordant.vocabulary/v1",
        "vocabulary: large",
        'title: "A large partnership"',
        "dated: 2026-11-01",
        'source: "Made for the benchmark"',
        'data_subjects: {none: "No person", client: "The person whom the agencies serve"}',
        "kinds: {words: {text: {longest: 200}}}",
        "event_types:",
    ]
    for kind in range(TYPES):
        lines += [f"  step-{kind}.made:", '    description: "A step."', "    fields:"]
        lines.append(
            "      case_id: {kind: uuid, required: true, label: the case, category: case, "
            "sensitivity: personal, data_subject: client}"
        )
        for field in range(FIELDS // TYPES - 2):
            name = "abcdefgh"[field]
            lines.append(
                f"      field_{name}: {{kind: words, label: field {name}, category: need, "
                "sensitivity: personal, data_subject: client, identifies: true}"
            )
        lines.append(
            "      agreed: {kind: boolean, label: the answer, category: consent, "
            "sensitivity: none, data_subject: client}"
        )
    lines += [
        "consent:",
        '  scopes: {share_name: "Share the name"}',
        "  answers: {agreed: share_name}",
        "  identity: share_name",
        "parts: {case: case_id}",
    ]
    return "\n".join(lines) + "\n"


def large_terms(number: int) -> tuple[str, Documents, str]:
    """Return terms for the large vocabulary, the vocabulary's file, and its hash."""
    raw = vocabulary_text().encode()
    words = parse_vocabulary(raw, "large.vocabulary.yaml")
    law = {
        "competent-authority": {
            "bases": "dpa2018:35(2)(b)",
            "gateways": "cda1998:s115",
            "schedule_8": "dpa2018:sch8:1",
        },
        "public-authority": {"bases": "uk-gdpr:6(1)(e)", "gateways": "cda1998:s115"},
        "other": {"bases": "uk-gdpr:6(1)(f)"},
    }
    kinds = {"police": "competent-authority", "council": "public-authority", "support": "other"}
    outline = AgreementOutline(
        name=f"large-{number}",
        title="A large partnership",
        summary="Made for the benchmark.",
        roles={role: NewRole("A body.", kind, law[kind]) for role, kind in kinds.items()},  # type: ignore[arg-type]  # of the kinds
        purposes={"support": "Support people.", "protect": "Protect people."},
    )
    text = new_terms(words, outline, TODAY).replace("TBC", "As the parties agreed.")
    return text, Documents({words.hash: raw}), words.hash


def members(count: int, roles: tuple[str, ...]) -> list[dict[str, YamlValue]]:
    """Return parties like those of the shipped partnership, in turns."""
    shipped = [party for party in london_parties() if party["role"] in roles]
    found = list(shipped[:count])
    for at in range(len(found), count):
        like = shipped[at % len(shipped)]
        found.append(
            {
                **like,
                "id": f"{like['id']}-{at:03d}",
                "legal_name": f"{like['legal_name']}, branch {at}",
                "ico_registration": f"ZB{at:06d}",
            }
        )
    return found


def sample(
    terms: str, parties: list[dict[str, YamlValue]], documents: Documents | None, pin: str | None
) -> Sample:
    """Return an agreement of these parties, signed by all, and a version that grants more."""
    keys = {str(party["id"]): signer(str(party["id"])).public for party in parties}
    shipped = parse_draft(shipped_terms().encode(), "t").contract
    pins = shipped_pins(shipped.vocabulary)
    raw = draft(
        terms,
        deployment=DEPLOYMENT,
        parties=parties,
        governance_keys={
            agency: GovernanceKeys(ed25519=b64(key.ed25519), ml_dsa_65=b64(key.ml_dsa_65))
            for agency, key in keys.items()
        },
        starts=FIRST_DAY,
        ends=FIRST_DAY + timedelta(days=364),
        review_on=FIRST_DAY + timedelta(days=300),
        pins=None if pin is None else Pins(framework=pins.framework, vocabulary=pin),
    ).encode()
    text = parse_contract(raw, "a.yaml", documents)
    unsigned = verify_contract(text)
    notes = []
    for party in parties:
        agency = str(party["id"])
        at = text.contract.starts_ms
        note = countersign(unsigned, signer(agency), SIGNATORY, time=at, shown=SHOWN).note_of(
            agency
        )
        assert note is not None
        notes.append(note.raw)
    return Sample(text, raw, more(text.contract), tuple(notes), documents)


def more(contract: Contract) -> Contract:
    """Return a version in which one role reads less of every type, and data are kept longer."""
    role = next(iter(contract.roles))
    changed = {}
    for name, terms in contract.event_types.items():
        fields = {
            path: field.model_copy(
                update={"readers": tuple(r for r in field.readers if r != role) or field.readers}
            )
            for path, field in terms.fields.items()
        }
        kept = terms.retention
        longer = kept and kept.model_copy(update={"recipient_years": kept.recipient_years + 1})
        changed[name] = terms.model_copy(update={"fields": fields, "retention": longer})
    return contract.model_copy(update={"event_types": changed, "version": "2.0.0"})


def steps(of: Sample) -> dict[str, Callable[[], object]]:
    """Return what is measured, by its name."""
    contract = of.text.contract
    agency = contract.parties[0].id
    name = next(
        one for one, t in contract.event_types.items() if contract.parties[0].role in t.publishers
    )
    terms = contract.event_types[name]
    to = tuple(
        p.id for p in contract.parties if p.role in terms.recipients and p.id != agency
    )  # every agency that may receive it
    event = PlainEvent(name, to, unflatten(dict(sample_values(contract.vocabulary, name))))
    path = next(path for path in terms.fields if path != "case_id")
    everyone = frozenset(p.id for p in contract.parties)
    status = contract_status(contract, everyone, (), contract.starts_ms)

    def diff() -> object:
        changes = compare(contract, of.after).changes
        return summarise(contract, of.after, changes, None, "0" * 64)

    return {
        "load": lambda: verify_contract(parse_contract(of.raw, "a.yaml", of.documents), of.notes),
        "lint": lambda: lint_text(of.text, TODAY),
        "explain": lambda: explain(of.text, status),
        "explain --party": lambda: party_paper(contract, agency),
        "diff": diff,
        "breaking": lambda: compare(contract, of.after).widening,
        "simulate": lambda: simulate(contract, agency, event),
        "who": lambda: answer_fields(contract, path, None),
        "export ropa": lambda: processing_record_csv(contract, agency),
        "export dpia": lambda: impact_assessment(contract, agency),
        "export odcs": lambda: odcs_document(of.text),
        "export dictionary": lambda: data_dictionary_csv(contract, agency),
        "export asyncapi": lambda: async_api_document(contract, agency),
        "decide, first event": lambda: _decide(contract, event, agency, to, status, first=True),
        "decide, next event": lambda: _decide(contract, event, agency, to, status, first=False),
    }


def _decide(
    contract: Contract, event: PlainEvent, sender: str, to: tuple[str, ...], status: Any, *,
    first: bool,
) -> object:  # fmt: skip
    if first:
        contract.policies.clear()
    decided = decide(contract, status, sender, to, event, contract.starts_ms)
    if not decided.permitted:
        raise AssertionError(f"the event is not permitted: {decided.detail}")
    return decided


def measured(step: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the least CPU seconds of some rounds, and the peak memory of one, in MB."""
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        began = time.process_time()
        step()
        best = min(best, time.process_time() - began)
    tracemalloc.start()
    step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return best, peak / 1e6


def registry(folder: Path, count: int) -> tuple[float, float]:
    """Return the CPU seconds to load agreements from files, and those to give their status."""
    files = sorted(folder.glob("*.yaml"))[:count]
    documents = large_terms(0)[1]
    agency = members(1, ("police", "council", "support"))[0]["id"]
    began = time.process_time()
    found: list[SignedContract] = []
    for path in files:
        text = parse_contract(path.read_bytes(), str(path), documents)
        notes = [each.read_bytes() for each in sorted(path.with_suffix("").glob("*.note"))]
        found.append(verify_contract(text, notes))
    book = ContractBook(
        deployment=DEPLOYMENT,
        agency=str(agency),
        fingerprints=signer(str(agency)).public.fingerprints,
        contracts=found,
    )
    loaded = time.process_time() - began
    manifests, began = ManifestBook(DEPLOYMENT), time.process_time()
    now = found[0].contract.starts_ms
    assert all(book.status_of(one, manifests, now).in_force for one in book.trusted())
    return loaded, time.process_time() - began


def run(*, quick: bool = False) -> None:
    """Measure both, write bench/out/agreements.jsonl, and print the table."""
    rounds, agreements = (1, 5) if quick else (3, AGREEMENTS)
    small = sample(shipped_terms(), london_parties(), None, None)
    roles = ("police", "council", "support")
    samples = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(agreements):
            terms, documents, pin = large_terms(number)
            one = sample(terms, members(PARTIES, roles), documents, pin)
            samples.append(one)
            (folder / f"{number:02d}.yaml").write_bytes(one.raw)
            (folder / f"{number:02d}").mkdir()
            for at, note in enumerate(one.notes):
                (folder / f"{number:02d}" / f"{at:03d}.note").write_bytes(note)
        rows: list[dict[str, object]] = []
        large, of_small = steps(samples[0]), steps(small)
        for step, act in large.items():
            little, little_mb = measured(of_small[step], rounds)
            much, much_mb = measured(act, rounds)
            rows.append(
                {
                    "step": step,
                    "small, ms": round(little * 1e3, 2),
                    "large, ms": round(much * 1e3, 2),
                    "times": round(much / max(little, 1e-6), 1),
                    "small, MB": round(little_mb, 1),
                    "large, MB": round(much_mb, 1),
                }
            )
        del samples[1:]
        loaded, stated = registry(folder, agreements)
    per = {"agreements": agreements, "parties": PARTIES, "types": TYPES, "fields": FIELDS}
    rows.append({**per, "registry, s": round(loaded, 2), "status, s": round(stated, 3)})
    results.save("agreements", rows)
    results.show(rows)
    slow = [row["step"] for row in rows if float(str(row.get("large, ms", 0))) > LIMIT_S * 1e3]
    print(f"above {LIMIT_S:g} s: {', '.join(map(str, slow)) or 'none'}")
