"""Sample casework spreadsheet of a support service or reporting centre, made from facts of cases.

The people are obviously fictitious (``samples.facts``); headers and words are those of the mapping.
A reporting centre reports to the police as far as the victim agreed. A support service asks others
for services that it does not offer. Either may know of a case that the police do not know.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence

from adapters.demo.samples.facts import CaseFacts
from adapters.demo.samples.leaves import asked, critical_leaves, referral_leaves
from adapters.demo.samples.sample_rows import SampleRow, encoded, flawed, rendered
from adapters.support import ADAPTER
from adapters.trial_agencies import PARTNER_CODES
from broker.event import JSON

PARTNERS: Mapping[str, str] = PARTNER_CODES["support"]
"""Own partner codes, as in ``[partners]`` of a service's ``agency.toml``."""
POLICE_OF: Mapping[str, str] = {"E09000007": "Police Camden", "E09000023": "Police Lewisham"}
COUNCIL_OF: Mapping[str, str] = {"E09000007": "Camden Council", "E09000023": "Lewisham Council"}

_DECLARED_AT = "2026-11-04T09:00:00.000Z"


def sample_rows(
    rng: random.Random,
    cases: Iterable[CaseFacts],
    *,
    reporting_centre: bool,
    flaws: bool = True,
) -> list[SampleRow]:
    """Return a voluntary organisation's rows about its cases.

    Args:
        rng: the seeded source.
        cases: the cases that it recorded first.
        reporting_centre: whether it is a reporting centre. A centre sends third-party reports to
            the police and passes clients on to the support service. A support service asks councils
            for housing.
        flaws: whether some rows are spoiled and some repeated.
    """
    rows: list[SampleRow] = []
    for case in cases:
        wanted = _reports(case) if reporting_centre else _requests(case)
        for number, (service, partner) in enumerate(wanted, 1):
            leaves = asked(referral_leaves(case, service), _role(partner))
            rows.append(_row(case, "referral.made", leaves, [partner], number))
        if wanted and case.critical:
            leaves = critical_leaves(case, _DECLARED_AT)
            borough = case.incident.borough
            partners = [POLICE_OF[borough], COUNCIL_OF[borough]]
            rows.append(_row(case, "critical-incident.declared", leaves, partners))
    return flawed(rng, rows, ADAPTER.mapping) if flaws else rows


def sample_file(
    rows: Sequence[SampleRow], *, encoding: str = "utf-8-sig", half_written: bool = False
) -> bytes:
    """Write rows as a file.

    Args:
        rows: result of ``sample_rows``, or any rows with texts.
        encoding: ``utf-8-sig``, or ``cp1252`` as older programs save (see ``encoded``).
        half_written: cut off in the middle of the last row.
    """
    mapping = ADAPTER.mapping
    used = {name for row in rows for name, value in row.values.items() if value != ""}
    used |= set(mapping.export_columns)
    header = [name for name in mapping.known_columns if name in used]
    content = ADAPTER.write([row.values for row in rows], header=header)
    content = encoded(content.decode("utf-8-sig"), encoding)
    return content[:-40] if half_written else content


def _reports(case: CaseFacts) -> list[tuple[str, str]]:
    wanted: list[tuple[str, str]] = []
    if case.consent.pass_to_police:
        wanted.append(("police_investigation", POLICE_OF[case.incident.borough]))
    elif case.consent.statistics_only:
        # The case is only counted; the contract leaves out what identifies the victim.
        wanted.append(("police_information", POLICE_OF[case.incident.borough]))
    if case.consent.support_contact and "emotional_support" in case.services:
        wanted.append(("emotional_support", "Haven"))
    return wanted


def _requests(case: CaseFacts) -> list[tuple[str, str]]:
    if not case.consent.share_identity:
        return []  # a council cannot house a person whom it may not know
    wanted = [("housing", COUNCIL_OF[case.incident.borough])]
    if case.consent.pass_to_police and not case.incident.known_to_police:
        wanted.append(("police_investigation", POLICE_OF[case.incident.borough]))
    return wanted


def _role(partner: str) -> str:
    if partner in POLICE_OF.values():
        return "police"
    return "council" if partner in COUNCIL_OF.values() else "support"


def _row(
    case: CaseFacts,
    event_type: str,
    leaves: Mapping[str, JSON],
    recipients: Sequence[str],
    number: int = 0,
) -> SampleRow:
    client = f"C-{case.number:05d}"
    values = rendered(
        ADAPTER.mapping,
        event_type,
        leaves,
        recipients=recipients,
        case=client,
        referral=f"{client}/{number}" if number else "",
        partners=PARTNERS,
    )
    return SampleRow(values, case.number, event_type)
