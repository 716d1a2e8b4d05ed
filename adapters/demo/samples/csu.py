"""Sample export of a Community Safety Unit for one day, made from facts of cases.

The people are obviously fictitious (``samples.facts``); codes and columns are those of the mapping.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence

from adapters.csu import ADAPTER
from adapters.demo.samples.facts import CaseFacts
from adapters.demo.samples.leaves import (
    asked,
    case_leaves,
    critical_leaves,
    recorded_by_police,
    referral_leaves,
)
from adapters.demo.samples.sample_rows import SampleRow, encoded, flawed, rendered
from adapters.trial_agencies import PARTNER_CODES

PARTNERS: Mapping[str, str] = PARTNER_CODES["csu"]
"""Own partner codes, as in ``[partners]`` of a unit's ``agency.toml``."""
COUNCIL_OF = {"E09000007": "LBCAM", "E09000023": "LBLEW"}

_NOT_FOR_PROSECUTION = (
    *("charging_decision", "plea", "outcome", "sentence_uplift"),  # the unit sends these itself
    *("civil_measures", "ward"),  # the unit does not need these
)
_DECLARED_AT = "2026-11-02T10:15:00.000Z"


def sample_rows(
    rng: random.Random,
    cases: Iterable[CaseFacts],
    *,
    extract_date: str = "02/11/2026",
    flaws: bool = True,
) -> list[SampleRow]:
    """Return a unit's rows about its cases: referrals, case updates, critical incidents.

    Args:
        rng: the seeded source.
        cases: the cases that the unit records.
        extract_date: dd/mm/yyyy, in every row.
        flaws: whether some rows are spoiled and some repeated.
    """
    rows: list[SampleRow] = []
    for case in cases:
        for number, service in enumerate(case.services, 1):
            partner = COUNCIL_OF[case.incident.borough] if service == "housing" else "VSHAV"
            referral = f"R{case.number:05d}-{number}"
            rows.append(_row(case, "referral.made", [partner], service, referral))
        if case.course.cps_stage:
            rows.append(_row(case, "case.updated", ["CPSLON"]))
        if case.critical:
            partners = ["CPSLON", COUNCIL_OF[case.incident.borough], "VSHAV"]
            rows.append(_row(case, "critical-incident.declared", partners))
    for row in rows:
        assert isinstance(row.values, dict)
        row.values["EXTRACT_DATE"] = extract_date
    return flawed(rng, rows, ADAPTER.mapping) if flaws else rows


def sample_file(
    rows: Sequence[SampleRow], *, encoding: str = "utf-8", half_written: bool = False
) -> bytes:
    """Write rows as a file.

    Args:
        rows: result of ``sample_rows``.
        encoding: ``utf-8``, or ``cp1252`` as older clients write (see ``encoded``).
        half_written: cut off in the middle of the last row.
    """
    content = ADAPTER.write([row.values for row in rows], header=ADAPTER.mapping.export_columns)
    content = encoded(content.decode("utf-8"), encoding)
    return content[:-40] if half_written else content


def _row(
    case: CaseFacts,
    event_type: str,
    recipients: Sequence[str],
    service: str = "",
    referral: str = "",
) -> SampleRow:
    if event_type == "referral.made":
        leaves = referral_leaves(case, service)
        if case.incident.record_type == "hate_crime":
            leaves["incident.crime_reference"] = case.crime_reference
        leaves = asked(leaves, "council" if service == "housing" else "support")
    elif event_type == "case.updated":
        leaves = case_leaves(case) | {"crime_reference": case.crime_reference}
        for path in _NOT_FOR_PROSECUTION:
            leaves.pop(path, None)
        leaves["forms"] = [{"form": "MG3", "reference": f"MG3-{case.number:05d}"}]
    else:
        leaves = critical_leaves(case, _DECLARED_AT)
    leaves = recorded_by_police(leaves)
    values = rendered(
        ADAPTER.mapping,
        event_type,
        leaves,
        recipients=recipients,
        case=case.crime_reference,
        referral=referral,
        partners=PARTNERS,
    )
    return SampleRow(values, case.number, event_type)
