"""After the story, the support service works with the desk, and the police refer people to it."""

from __future__ import annotations

import time
from typing import Final

from adapters.demo.daily_exports import SEED
from adapters.demo.person import POLICE, SERVICE
from adapters.demo.samples.facts import case_list
from adapters.demo.samples.leaves import asked, referral_leaves
from adapters.demo.stage import Stage
from adapters.demo.town import Town, UnmetError
from broker.agency.participant import load_participant
from broker.agency.running import open_held_state
from broker.clock import now_ms
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.referral_list import ReferralQuery, referral_list

SERVICES: Final = ("advocacy", "emotional_support") * 3
"""Services that the police ask for, one referral each."""
PATIENCE_S: Final = 60.0


def open_desk(stage: Stage, town: Town) -> None:
    """Let the support service use the desk, and refer people to it.

    Args:
        stage: the running agencies.
        town: the clerks of all agencies; those of the service stop their work.

    Raises:
        UnmetError: the referrals did not arrive.
        TransportError: the adapter did not start again.
    """
    adapter = stage.adapters[SERVICE]
    adapter.stop()
    config = stage.directory(SERVICE) / "agency.toml"
    config.write_text(config.read_text().replace('kind = "support"\n', 'kind = "desk"\n'))
    adapter.start()
    stage.await_adapters(SERVICE)
    wanted = _open_referrals(stage) + len(SERVICES)
    unit = town[POLICE]
    rows = [
        unit.row(
            "referral.made",
            asked(referral_leaves(case, service), "support"),
            [unit.code_of(SERVICE)],
            case=f"C-77{number:03d}",
            referral=f"R77{number:03d}-1",
        )
        for number, (case, service) in enumerate(
            zip(case_list(SEED + 1, len(SERVICES)), SERVICES, strict=True), start=1
        )
    ]
    unit.export(rows, "referrals")
    deadline = time.monotonic() + PATIENCE_S
    while _open_referrals(stage) < wanted:
        if time.monotonic() > deadline:
            raise UnmetError(f"the desk has its referrals: not within {PATIENCE_S:.0f} s")
        time.sleep(0.2)


def _open_referrals(stage: Stage) -> int:
    participant = load_participant(stage.directory(SERVICE), now_ms())
    store = open_held_state(participant)
    try:
        agency = DeskAgency(participant, store, now_ms)
        return referral_list(agency, ReferralQuery("fulfiller", "open")).total
    finally:
        store.close()
