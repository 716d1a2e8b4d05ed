"""Real adapters and a real Kafka, killed at random moments: the campaign's shortest story.

The seed is printed; `python -m tests.fault.campaign` goes on for as long as it is told to.
"""

from __future__ import annotations

import random
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fault.campaign import SETTLED_S, Campaign
from tests.fault.fault_stage import SENDERS, FaultStage, await_condition
from tests.fault.fault_states import FileStates, ServerStates, States
from tests.fault.injected import MOMENTS
from tests.support.state_places import require_postgres

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = 5


@pytest.mark.parametrize("state", ["sqlite", "postgresql"])
def test_nothing_is_lost_when_processes_are_killed_and_kafka_loses_its_power(
    tmp_path: Path, state: str
) -> None:
    """With PostgreSQL two adapters of each agency share a state, and its server crashes too."""
    states: States = FileStates()
    if state == "postgresql":
        require_postgres()
        states = ServerStates(2)
    seed = secrets.randbelow(10**6)
    print(f"seed {seed}")
    rng = random.Random(seed)
    with FaultStage(tmp_path / "p", SENDERS, states) as stage:
        stage.prepare(disks=False)
        campaign = Campaign(stage, seed)
        campaign.play(1)
        for number in range(KILLS):
            adapter = stage.adapters[SENDERS[number % 2]]
            adapter.kill()
            adapter.fate = f"{rng.choice(MOMENTS)}:{rng.randint(1, 9)}" if number % 2 else ""
            campaign.play(rng.uniform(0.5, 2.5))
        stage.kafka.kill()
        with ThreadPoolExecutor(1) as beside:
            started = beside.submit(stage.kafka.start)
            while not started.done():
                campaign.play(0.5)
            started.result()
        if isinstance(states, ServerStates):
            states.crash(lambda: campaign.play(0.5))
        campaign.play(0.5)
        settled = await_condition(campaign.invariants.settled, campaign.wait, SETTLED_S)
        assert settled, campaign.invariants.unsettled()
        assert campaign.invariants.broken() == []
        assert campaign.invariants.twice == 0
        assert campaign.invariants.arrived == len(campaign.traffic.owed) > 0
