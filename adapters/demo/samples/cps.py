"""Sample case export of the prosecution service for one day, made from facts of cases."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence

from adapters.cps import ADAPTER
from adapters.demo.samples.facts import CaseFacts
from adapters.demo.samples.leaves import case_leaves, recorded_by_police
from adapters.demo.samples.sample_rows import SampleRow, flawed, rendered
from adapters.trial_agencies import PARTNER_CODES

PARTNERS: Mapping[str, str] = PARTNER_CODES["cps"]
"""Own partner codes, as in ``[partners]`` of the service's ``agency.toml``."""
POLICE_OF = {"E09000007": "01EK", "E09000023": "01PL"}

_DECIDED = ("cps_stage", "charging_decision", "offences", "urn", "action_plan")
_HEARD = ("cps_stage", "plea", "outcome", "sentence_uplift", "urn")


def sample_rows(
    rng: random.Random,
    cases: Iterable[CaseFacts],
    *,
    shared_ids: Mapping[int, str] | None = None,
    extract_date: str = "2026-11-02",
    flaws: bool = True,
) -> list[SampleRow]:
    """Return charging decisions, and hearing results where there is an outcome.

    Args:
        rng: the seeded source.
        cases: all cases; a case that never reaches the service gives no row.
        shared_ids: number of the case -> shared id, from the police's events.
        extract_date: ISO date, in every row.
        flaws: whether some rows are spoiled and some repeated.
    """
    rows: list[SampleRow] = []
    for case in cases:
        if case.course.charging_decision is None:
            continue
        shared = (shared_ids or {}).get(case.number, "")
        rows.append(_row(case, "ChargingDecision", _DECIDED, shared, extract_date))
        if case.course.outcome:
            rows.append(_row(case, "HearingResult", _HEARD, shared, extract_date))
    return flawed(rng, rows, ADAPTER.mapping) if flaws else rows


def sample_file(rows: Sequence[SampleRow], *, half_written: bool = False) -> bytes:
    """Write rows as a file; a half-written one is cut off in its last case."""
    content = ADAPTER.write([row.values for row in rows])
    return content[:-40] if half_written else content


def _row(
    case: CaseFacts, kind: str, leaves: Sequence[str], shared: str, extract_date: str
) -> SampleRow:
    known = recorded_by_police(case_leaves(case))
    if case.course.charging_decision == "further_investigation":
        known["action_plan"] = "Obtain a further statement from the victim.\nReview in two weeks."
    values = rendered(
        ADAPTER.mapping,
        "case.updated",
        {path: known[path] for path in leaves if path in known},
        recipients=[POLICE_OF[case.incident.borough]],
        case=f"CMS-{case.number:05d}",
        shared_case=shared,
        partners=PARTNERS,
    )
    values |= {"Action": kind, "Case/ExtractedOn": extract_date}
    return SampleRow(values, case.number, "case.updated")
