"""Fictitious agencies of a trial partnership, for `quickstart` and the demo.

The shipped contract defines the parties (`contracts.drafting.london_parties`). This module adds
what the contract does not say: each agency's adapter, and its own codes for its partners.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from contracts.drafting import YamlValue, london_parties

DEPLOYMENT: Final = "pan-london"
CONTRACT: Final = "london-hate-crime"

ADAPTERS: Final[Mapping[str, str]] = {
    "police": "csu",
    "prosecution": "cps",
    "council": "council",
    "support": "support",
}
"""Adapter for each role of the contract."""

PARTNER_CODES: Final[Mapping[str, Mapping[str, str]]] = {
    "csu": {
        "CSUEK": "csu-camden",
        "CSUPL": "csu-lewisham",
        "CPSLON": "cps-london",
        "LBCAM": "council-camden",
        "LBLEW": "council-lewisham",
        "VSHAV": "haven-support",
        "VSLAN": "lantern-centre",
    },
    "cps": {
        "01EK": "csu-camden",
        "01PL": "csu-lewisham",
        "LA-CAM": "council-camden",
        "LA-LEW": "council-lewisham",
        "SUP-HAV": "haven-support",
        "SUP-LAN": "lantern-centre",
    },
    "council": {
        "POL-CAMDEN": "csu-camden",
        "POL-LEWISHAM": "csu-lewisham",
        "CPS": "cps-london",
        "CAMDEN": "council-camden",
        "LEWISHAM": "council-lewisham",
        "HAVEN": "haven-support",
        "LANTERN": "lantern-centre",
    },
    "support": {
        "Police Camden": "csu-camden",
        "Police Lewisham": "csu-lewisham",
        "Crown Prosecution Service": "cps-london",
        "Camden Council": "council-camden",
        "Lewisham Council": "council-lewisham",
        "Haven": "haven-support",
        "Lantern Centre": "lantern-centre",
    },
}
"""For each adapter: the system's own code of a partner, and the partner's agency id."""

NAMES: Final[Mapping[str, str]] = {
    "csu-camden": "Police, Camden",
    "csu-lewisham": "Police, Lewisham",
    "cps-london": "Crown Prosecution Service",
    "council-camden": "Camden Council",
    "council-lewisham": "Lewisham Council",
    "haven-support": "Haven Support",
    "lantern-centre": "Lantern Centre",
}
"""Short names of the agencies for the web application."""


def names_section() -> str:
    """Return the names as a section of `agency.toml`."""
    lines = "".join(f'{agency} = "{name}"\n' for agency, name in NAMES.items())
    return f"\n[web.names]  # short names, for headings of columns\n{lines}"


@dataclass(frozen=True, slots=True)
class AgencyPlan:
    """Plan of one agency.

    Attributes:
        id: agency id.
        adapter: kind of adapter.
        codes: own codes for its partners.
        party: its entry in the contract, as `contracts.drafting.draft` takes it.
    """

    id: str
    adapter: str
    codes: Mapping[str, str]
    party: Mapping[str, YamlValue]


def london_agencies() -> tuple[AgencyPlan, ...]:
    """Return the seven agencies of the shipped partnership, in the contract's order."""
    parties = london_parties()
    ids = {str(party["id"]) for party in parties}
    plans: list[AgencyPlan] = []
    for party in parties:
        adapter = ADAPTERS[str(party["role"])]
        own = str(party["id"])
        codes = {
            code: agency
            for code, agency in PARTNER_CODES[adapter].items()
            if agency != own and agency in ids
        }
        plans.append(AgencyPlan(own, adapter, codes, party))
    return tuple(plans)
