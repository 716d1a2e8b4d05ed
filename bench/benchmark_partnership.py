"""A partnership for the benchmarks: one sender and 16 others, under the contract of terms.yaml.

Made by ``create_partnership`` as any other; only the event types of the shipped terms are replaced,
so that the event has 12 fields. Every contract, manifest and key is verified when it is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from unittest.mock import patch

from adapters import trial_partnership as partnership
from adapters.trial_agencies import CONTRACT, AgencyPlan, london_agencies
from bench.sample_event import SOURCE
from broker.agency.participant import Participant, load_participant
from contracts.loading import shipped_terms

RECIPIENTS: Final = 16
READER: Final = "bench-police-01"
"""The reader that is measured: it reads every group, which costs most."""
_ROLES: Final = ("police", "council", "support", "council")


def recipient_ids(count: int) -> tuple[str, ...]:
    """The first ``count`` recipients, ``READER`` first; four of them have all three roles."""
    return tuple(f"bench-{_ROLES[at % 4]}-{at + 1:02d}" for at in range(count))


def terms(partitions: int, shipped: str) -> str:
    """The shipped terms with the event type of the benchmarks, on ``partitions`` partitions."""
    own = (Path(__file__).parent / "terms.yaml").read_text("utf-8")
    head, rest = shipped.split("\nevent_types:\n")
    tail = rest[rest.index("\nretention:\n") + 1 :]
    head = re.sub(r"partitions: \d+", f"partitions: {partitions}", head)
    head = re.sub(r"\n# Without its scope.*?(?=\n# Field terms)", "", head, flags=re.DOTALL)
    return f"{head}\n{own}\n{tail}"


def agencies() -> tuple[AgencyPlan, ...]:
    """The sender and its 16 recipients."""
    by_role = {str(plan.party["role"]): plan for plan in london_agencies()}
    plans = []
    for agency in (SOURCE, *recipient_ids(RECIPIENTS)):
        like = by_role[agency.split("-")[1]]
        plans.append(AgencyPlan(agency, like.adapter, {}, {**like.party, "id": agency}))
    return tuple(plans)


def create(
    root: Path,
    now: int,
    *,
    partitions: int = 1,
    plans: Sequence[AgencyPlan] | None = None,
    bootstrap: str = "localhost:19092",
) -> Callable[[str], Participant]:
    """Make the partnership; returns how to load an agency of it."""
    text = terms(partitions, shipped_terms(CONTRACT))
    with patch.object(partnership, "shipped_terms", lambda _name: text):
        partnership.create_partnership(root, now, agencies=plans or agencies(), bootstrap=bootstrap)
    return lambda agency: load_participant(root / agency, now)
