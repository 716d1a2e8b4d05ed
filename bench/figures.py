"""Figures of a quarter: 100,000 cases of 100 agencies in 33 boroughs, from facts to the table.

One agency has recorded all facts, encrypted in its state, and counts them. Its cases are then dealt
to 100 agencies, and the table by borough and strand is made from their counts. Times are CPU time.
The memory is the peak of the process on Linux.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Final

from adapters.trial_partnership import create_partnership
from bench import results
from bench.disclosure import BOROUGHS, SETS
from broker import pseudonyms
from broker.agency.participant import Participant, load_participant
from broker.clock import now_ms
from broker.event import uuid_text
from broker.figures.counting import CountsOf, parse_period
from broker.figures.disclosure import Mark
from broker.figures.facts import case_figures
from broker.figures.own_counts import own_counts
from broker.figures.recording import FactRecorder
from broker.figures.tables import publish
from broker.store.database import Store, open_store
from contracts.events import PlainEvent
from contracts.model import Contract

CASES: Final = 100_000
AGENCIES: Final = 100
AGENCY: Final = "haven-support"
PERIOD: Final = parse_period("2026-Q3")
BY: Final = ("borough", "strand")
_BATCH: Final = 5_000
_CODES: Final = {"orientation": "sexual_orientation", "transgender": "transgender_identity"}
"""Codes of the vocabulary, where they differ from the names of `bench.disclosure`."""

_WEIGHTS: Final = [0.4 ** one.count("+") / (1 + at % 5) for at, one in enumerate(SETS)]


def run(*, quick: bool = False) -> None:
    """Measure and write out/figures.jsonl."""
    cases = CASES // 10 if quick else CASES
    with tempfile.TemporaryDirectory() as folder:
        root, now = Path(folder) / "partnership", now_ms()
        create_partnership(root, now)
        participant = load_participant(root / AGENCY, now)
        contract = participant.contracts_in_force(now)[0].signed.contract
        store = open_store(Path(folder) / "state.db")
        _record(store, participant, contract, cases)
        start = time.process_time()
        _begin_peak()
        with store.reading() as tx:
            secret = participant.keyring.secret()
            own = own_counts(tx, secret, contract, AGENCY, PERIOD)
        counted = time.process_time()
        peak_counting = _peak_mb()
        store.close()
    assert own is not None
    figures, control = case_figures(contract), contract.statistics
    assert figures is not None
    assert control is not None
    dealt = _dealt(own)
    _begin_peak()
    begun = time.process_time()
    release = publish(dealt, contract, figures, control, BY, ())
    done = time.process_time()
    marks = Counter(figure.mark for figure in release.figures)
    row = {
        "cases": own.cases,
        "agencies": len(dealt),
        "cells": len(release.figures),
        "hidden": marks[Mark.PRIMARY] + marks[Mark.SECONDARY],
        "counting the facts, s": round(counted - start, 1),
        "table, s": round(done - begun, 1),
        "peak memory, MB": max(peak_counting, _peak_mb()),
    }
    results.show([row])
    results.save("figures", [row])


def _begin_peak() -> None:
    """Forget the peak of the memory so far: the keys of the partnership need more than figures."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> int:
    """Return the largest memory of this process since then, with Python and all libraries."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def _record(store: Store, participant: Participant, contract: Contract, cases: int) -> None:
    """Record a report for each case, as the transaction that accepts it does."""
    drawn = random.Random(7)
    secret = participant.keyring.secret()
    for first in range(0, cases, _BATCH):
        with store.transaction() as tx:
            facts = FactRecorder(tx, secret, AGENCY)
            for number in range(first, min(first + _BATCH, cases)):
                case = uuid_text(number.to_bytes(16, "big"))
                strands = drawn.choices(SETS, _WEIGHTS)[0].split("+")
                incident = {
                    "record_type": "hate_crime",
                    "borough": drawn.choice(BOROUGHS),
                    "strands": [_CODES.get(one, one) for one in strands],
                }
                data = {
                    "case_id": case,
                    "referral_id": case,
                    "requested_service": "advocacy",
                    "incident": incident,
                    "consent": {"statistics": True},
                }
                event = PlainEvent("referral.made", ("csu-camden",), data)
                key = pseudonyms.case_key(secret, case)
                facts.published(event, contract, case, key, PERIOD.first_ms)
            facts.write()


def _dealt(own: CountsOf) -> list[CountsOf]:
    """Deal the cases to agencies: most to the first, as to the police of a city."""
    drawn = random.Random(11)
    weights = [62.0] + [38.0 / (AGENCIES - 1)] * (AGENCIES - 1)
    atoms: list[Counter[tuple[tuple[str, ...], ...]]] = [Counter() for _ in range(AGENCIES)]
    for atom, number in own.atoms.items():
        for agency in drawn.choices(range(AGENCIES), weights, k=number):
            atoms[agency][atom] += 1
    return [
        replace(own, agency=f"agency-{number:03}", atoms=dict(found))
        for number, found in enumerate(atoms)
    ]
