"""A partnership of two, and a second version of its agreement that names who publishes figures."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from adapters.trial_agencies import london_agencies
from broker.agency.participant import load_participant
from broker.clock import now_ms
from contracts.drafting import draft
from contracts.loading import parse_contract, shipped_terms
from tests.support.contract_signatures import signed_by
from tests.support.founded_partnership import FoundedPartnership, found_with

PUBLISHER, OTHER = "csu-camden", "haven-support"
_STARTED = now_ms()


@cache
def founded_by_two() -> FoundedPartnership:
    """Return a partnership whose agreement names no publisher, made an hour before the process."""
    plans = {plan.id: plan for plan in london_agencies()}
    return found_with([plans[one] for one in (PUBLISHER, OTHER)], None, _STARTED - 3_600_000)


def name_publisher(folder: Path, signed_ms: int) -> None:
    """Add the version that names the police unit to an agency's folder.

    Args:
        folder: of an agency of `founded_by_two`.
        signed_ms: when all parties sign it: it has effect from then.
    """
    world = founded_by_two()
    first, plans = world.signed, {plan.id: plan for plan in london_agencies()}
    text = shipped_terms()
    for old, new in (
        ("\nversion: 1.0.0\n", f"\nversion: 1.1.0\nprevious: [{first.hash.hex()}]\n"),
        (
            "secondary_suppression: true\n",
            f"secondary_suppression: true\n  published_by: {PUBLISHER}\n",
        ),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    contract = first.contract
    written = draft(
        text,
        deployment=world.deployment,
        parties=[plans[one].party for one in (PUBLISHER, OTHER)],
        governance_keys=contract.governance_keys,
        starts=contract.starts,
        ends=contract.ends,
        review_on=contract.starts,
    )
    signers = [world.governance[one] for one in (PUBLISHER, OTHER)]
    signed = signed_by(parse_contract(written.encode(), "second.yaml"), signers, signed_ms)
    load_participant(folder, signed_ms).repository.write_contract(signed)
