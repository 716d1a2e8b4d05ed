"""Sample exports of a council's housing and anti-social behaviour system, made from facts.

The people are obviously fictitious (``samples.facts``); codes and columns are those of the mapping.
The caller chooses form and encoding, because the councils of one partnership have different
versions of the system.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence

from adapters.council import ADAPTER
from adapters.council.forms import CouncilFormat, Form
from adapters.demo.samples.facts import CaseFacts
from adapters.demo.samples.leaves import asked, case_leaves, critical_leaves, referral_leaves
from adapters.demo.samples.sample_rows import SampleRow, encoded, flawed, rendered
from adapters.trial_agencies import PARTNER_CODES
from broker.event import JSON

PARTNERS: Mapping[str, str] = PARTNER_CODES["council"]
"""Own partner codes, as in ``[partners]`` of a council's ``agency.toml``."""
POLICE_OF: Mapping[str, str] = {"E09000007": "POL-CAMDEN", "E09000023": "POL-LEWISHAM"}

_DECLARED_AT = "2026-11-03T14:30:00.000Z"
_COUNCIL_SAYS = ("civil_measures", "linked_factors", "record_type", "strands", "borough", "ward")


def sample_rows(
    rng: random.Random, cases: Iterable[CaseFacts], *, flaws: bool = True
) -> list[SampleRow]:
    """Return a council's rows about its cases: referrals, civil measures, critical incidents.

    A victim may refuse that the police are told. Such a case goes to a support service, or is only
    counted (``police_information``; the contract leaves out what identifies the victim).

    Args:
        rng: the seeded source.
        cases: the cases that the council records.
        flaws: whether some rows are spoiled and some repeated.
    """
    rows: list[SampleRow] = []
    for case in cases:
        consent, police = case.consent, POLICE_OF[case.incident.borough]
        if consent.pass_to_police:
            rows.append(_referral(case, police, "police_investigation", 1))
        elif consent.statistics_only:
            rows.append(_referral(case, police, "police_information", 1))
        if consent.support_contact and "emotional_support" in case.services:
            rows.append(_referral(case, "HAVEN", "emotional_support", 2))
        sent = bool(rows) and rows[-1].case == case.number
        if sent and case.course.civil_measures:
            leaves = {p: v for p, v in case_leaves(case).items() if p in _COUNCIL_SAYS}
            rows.append(_row(case, "case.updated", leaves, [police]))
        if sent and case.critical:
            leaves = critical_leaves(case, _DECLARED_AT)
            rows.append(_row(case, "critical-incident.declared", leaves, [police, "CPS", "HAVEN"]))
    return flawed(rng, rows, ADAPTER.mapping) if flaws else rows


def sample_file(
    rows: Sequence[SampleRow],
    form: Form = "jsonl",
    *,
    encoding: str | None = None,
    half_written: bool = False,
) -> bytes:
    """Write rows as a file.

    Args:
        rows: result of ``sample_rows``, or any rows with values of the JSON form.
        form: ``jsonl`` or ``csv``.
        encoding: an encoding other than UTF-8; the system never writes one and the adapter refuses
            it.
        half_written: cut off in the middle of the last record.
    """
    mapping = ADAPTER.mapping
    used = {name for row in rows for name, value in row.values.items() if value not in ("", [])}
    used |= set(mapping.export_columns)
    header = [name for name in mapping.known_columns if name in used]
    content = CouncilFormat(mapping).write([row.values for row in rows], form, header=header)
    if encoding is not None:
        content = encoded(content.decode("utf-8-sig"), encoding)
    return content[:-40] if half_written else content


def _referral(case: CaseFacts, partner: str, service: str, number: int) -> SampleRow:
    role = "support" if partner == "HAVEN" else "police"
    leaves = asked(referral_leaves(case, service), role)
    referral = f"HSG/{case.number:05d}/{number}"
    return _row(case, "referral.made", leaves, [partner], referral)


def _row(
    case: CaseFacts,
    event_type: str,
    leaves: Mapping[str, JSON],
    recipients: Sequence[str],
    referral: str = "",
) -> SampleRow:
    values = rendered(
        ADAPTER.mapping,
        event_type,
        leaves,
        recipients=recipients,
        case=f"ASB/20{case.year}/{case.number:05d}",
        referral=referral,
        partners=PARTNERS,
    )
    return SampleRow(values, case.number, event_type)
