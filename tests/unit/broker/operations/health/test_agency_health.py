"""Health in one sentence: the most pressing first, with what works and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from broker.held.items import KINDS
from broker.observing.side_faults import SideFault
from broker.operations.agency_status import (
    ContractLine,
    Heard,
    Held,
    HeldRecords,
    NotTaken,
    OtherStream,
    Overdue,
    Raised,
    ReferralNumbers,
    Status,
    TlsEnd,
    report,
)
from broker.operations.agreement_state import NextStep
from broker.operations.checks.check import Check
from broker.operations.health.agency_health import FLOWS, health, machine_health
from broker.operations.registry_state import MissingManifest, RegistryDifference
from broker.operations.runbook.runbook import RUNBOOK
from broker.store.adapters_seen import AdaptersSeen, MissingAdapter
from broker.store.database import open_store
from broker.store.rows import FailingDeliveries, InboxCounts, OutboxCounts
from contracts.durations import DAY_MS, HOUR_MS, MINUTE_MS
from tests.support.founded_partnership import COUNCIL, founded
from tests.support.founded_partnership import NOW as FOUNDED

NOW = 1_763_974_800_000  # 24 November 2025, 09:00 GMT
CPS, HAVEN, LEWISHAM = "cps-london", "haven-support", "council-lewisham"


def held(kind: str, count: int, since_ms: int) -> Held:
    return Held(kind, KINDS[kind].title, count, since_ms, {"unknown_value": count}, "")


CALM = Status(
    agency=COUNCIL,
    deployment="trial",
    time_ms=NOW,
    contracts=(ContractLine("terms", "1.0", "in_force", {}, NOW + 200 * DAY_MS),),
    next=NextStep("you", "Nothing.", ""),
    manifest_version=1,
    manifest_expires_ms=NOW + 20 * DAY_MS,
    outbox=OutboxCounts(0, 0, 3, None, None),
    inbox=InboxCounts(0, 2, None),
    streams=(),
    received=(),
    waiting=(),
    quarantined={},
    quarantine=(),
    held=(),
    evidence=0,
    heartbeats=(Heard(CPS, NOW - 18_000, False), Heard(HAVEN, NOW - 9_000, False)),
    referrals=ReferralNumbers(0, 0, 0, ()),
    adapter_runs=True,
)
SILENT = (Heard(CPS, NOW - 18_000, False), Heard(HAVEN, NOW - 19 * MINUTE_MS, True))
GAP = OtherStream(LEWISHAM, "a", 0, "g", 9, NOW, False, (("g", 3, 4),), (("g", 1),))


def test_nothing_wrong_is_everything_flows() -> None:
    found = health(CALM)
    assert (found.flows, found.sentence, found.troubles) == (True, FLOWS, ())


STATES: Sequence[tuple[str, dict[str, object], str]] = [
    ("adapter-down", {"adapter_runs": False}, "now"),
    (
        "adapter-missing",
        {"adapters": AdaptersSeen("a", (), (MissingAdapter("b", NOW - HOUR_MS),), 3)},
        "soon",
    ),
    ("signing-token", {"signing_token": "token_unavailable"}, "now"),
    ("manifest-not-ours", {"manifests_not_ours": (7,)}, "now"),
    (
        "stream-stopped",
        {"received": (replace(GAP, gaps=(), without_content=(), stopped=True),)},
        "now",
    ),
    (
        "registry-differs",
        {"registry_differs": (RegistryDifference(CPS, "terms 1.0", "a", "b", NOW, {}),)},
        "now",
    ),
    (
        "manifest-not-received",
        {"manifests_not_received": (MissingManifest(CPS, 1, 2, "a", NOW, NOW + DAY_MS),)},
        "now",
    ),
    ("kafka-unavailable", {"side_faults": (SideFault("kafka", "kafka_failed", NOW),)}, "now"),
    ("kafka-unavailable", {"outbox": OutboxCounts(0, 3, 0, None, NOW - MINUTE_MS)}, "now"),
    ("partner-silent", {"heartbeats": SILENT}, "now"),
    ("records-missing", {"received": (GAP,)}, "now"),
    ("own-system", {"side_faults": (SideFault("sink", "webhook_gone", NOW),)}, "now"),
    ("inbox-waits", {"inbox": InboxCounts(4, 0, NOW - HOUR_MS)}, "now"),
    (
        "own-system",
        {"deliveries_failing": FailingDeliveries(1, NOW - HOUR_MS, {"webhook_slow": 1})},
        "now",
    ),
    ("results-overdue", {"results_overdue": 2, "oldest_result_ms": NOW - DAY_MS}, "today"),
    ("put-aside", {"held": (held("record", 2, NOW - HOUR_MS),)}, "today"),
    ("quarantine-filling", {"quarantine": (HeldRecords(CPS, 900, 1, 0.9),)}, "today"),
    ("copies-wait", {"copies": 1, "oldest_copy_ms": NOW - DAY_MS}, "today"),
    ("not-taken", {"not_taken": (NotTaken("e", CPS, "refused", None, NOW),)}, "today"),
    (
        "deadline-passed",
        {"referrals": ReferralNumbers(1, 0, 0, (Overdue("r", None, "", CPS, "", "respond", NOW),))},
        "today",
    ),
    ("alarm", {"alarms": (Raised("rollback", CPS, 1, NOW - HOUR_MS),)}, "today"),
    ("agreement-not-in-force", {"contracts": ()}, "now"),
    ("ends-soon", {"tls": (TlsEnd("certificate", 0, True),)}, "now"),
    ("ends-soon", {"tls": (TlsEnd("certificate", NOW + 3 * DAY_MS, True),)}, "today"),
    ("ends-soon", {"tls": (TlsEnd("certificate", NOW + 20 * DAY_MS, True),)}, "soon"),
    ("manifest-not-renewed", {"manifest_expires_ms": NOW - 1}, "now"),
    (
        "delegation-ends",
        {"delegation_due": "x", "delegation_expires_ms": NOW + 60 * DAY_MS},
        "soon",
    ),
    (
        "signature-awaited",
        {
            "contracts": (
                *CALM.contracts,
                ContractLine("terms", "1.1", "partially_signed", {}, NOW + 300 * DAY_MS, True),
            )
        },
        "soon",
    ),
]


@pytest.mark.parametrize(("entry", "changes", "urgency"), STATES)
def test_each_state_is_named_with_a_step_and_a_runbook_entry(
    entry: str, changes: dict[str, object], urgency: str
) -> None:
    found = health(replace(CALM, **changes))
    (trouble,) = found.troubles
    assert (trouble.entry, trouble.urgency) == (entry, urgency)
    assert trouble.entry in RUNBOOK
    assert trouble.do.endswith(".")
    assert found.flows is (urgency == "soon")
    assert trouble.says.casefold() in found.sentence.casefold()


def test_the_disk_comes_from_the_checks_of_the_machine(tmp_path: Path) -> None:
    full = Check("disk", "fail", "0.1 GiB free", "free disk space", "disk_full")
    assert [one.entry for one in health(CALM, [full]).troubles] == ["disk-full"]
    assert [one.name for one in machine_health(tmp_path)] == ["disk"]


def test_the_sentence_names_two_and_counts_the_rest_and_the_most_pressing_is_first() -> None:
    found = health(
        replace(
            CALM,
            heartbeats=SILENT,
            held=(held("record", 3, NOW - HOUR_MS),),
            tls=(TlsEnd("certificate", NOW + 20 * DAY_MS, True),),
        ),
        named=lambda agency: agency.replace("-", " ").title(),
    )
    assert found.sentence == (
        "Haven Support has been silent since 08:41 GMT, 3 things are put aside, and 1 more thing "
        "needs a person."
    )
    assert [one.urgency for one in found.troubles] == ["now", "today", "soon"]
    assert found.troubles[0].agency == HAVEN


def test_a_consequence_of_a_more_pressing_trouble_is_left_out() -> None:
    silent = tuple(replace(one, silent=True) for one in SILENT)
    stopped = replace(CALM, heartbeats=silent, adapter_runs=False)
    assert [one.entry for one in health(stopped).troubles] == ["adapter-down"]
    kafka = replace(CALM, heartbeats=silent, side_faults=(SideFault("kafka", "kafka_failed", NOW),))
    assert [one.entry for one in health(kafka).troubles] == ["kafka-unavailable"]


def test_an_old_alarm_and_one_of_a_lasting_state_are_no_trouble() -> None:
    old = Raised("rollback", CPS, 1, NOW - DAY_MS)
    lasting = Raised("silence", CPS, 1, NOW)
    assert health(replace(CALM, alarms=(old, lasting))).troubles == ()


def test_items_that_the_adapter_settles_by_itself_are_not_put_aside() -> None:
    kinds = [name for name, kind in KINDS.items() if not kind.urgent]
    assert kinds
    waits = tuple(held(kind, 2, NOW) for kind in kinds)
    unsent = replace(held("outbox", 1, NOW), codes={"unsent": 1})
    assert health(replace(CALM, held=(*waits, unsent))).troubles == ()


def test_a_state_that_is_read_from_a_folder_has_a_health(tmp_path: Path) -> None:
    folder = founded().directory(COUNCIL, tmp_path)
    (folder / "state").mkdir(mode=0o700, exist_ok=True)
    open_store(folder / "state" / "concordant.db").close()
    status = report(folder, FOUNDED)
    assert health(status).troubles[0].entry == "adapter-down"
    running = health(replace(status, adapter_runs=True))
    assert running.troubles[0].entry == "partner-silent"
