"""Four agencies at work: a charity and two public bodies with desks, a service with a mapping."""

from __future__ import annotations

from pathlib import Path

import adapters.support
from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.agency.participant import load_participant
from broker.clock import now_ms
from tests.support.live_desks import PartnershipAtWork, with_desk, with_own_mapping

CHARITY, POLICE = "lantern-centre", "csu-camden"
COUNCIL, SERVICE = "council-camden", "haven-support"
CAST = (CHARITY, POLICE, COUNCIL, SERVICE)
UNMAPPED = "Advocacy: advocacy"
"""A code that the service's mapping lacks."""


def working_town(root: Path) -> PartnershipAtWork:
    """Found the partnership in a folder, and start its adapters and pages."""
    now = now_ms()
    plans = [plan for plan in london_agencies() if plan.id in CAST]
    create_partnership(root, now, agencies=plans)
    for agency in CAST:
        if agency == SERVICE:
            with_own_mapping(root / agency, _mapping())
        else:
            with_desk(root / agency)
    contract = load_participant(root / POLICE, now).contracts.trusted()[0].contract
    return PartnershipAtWork({agency: root / agency for agency in CAST}, contract)


def _mapping() -> str:
    shipped = next(Path(adapters.support.__path__[0]).glob("mapping.*.yaml")).read_text()
    assert UNMAPPED in shipped
    lines = [line for line in shipped.splitlines() if line.strip() != UNMAPPED]
    text = "\n".join(lines).replace("mapping: support", "mapping: mapped", 1)
    return f"format: {{type: csv}}\n{text}\n"
