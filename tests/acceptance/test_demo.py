"""Main story of the demo, played on a real Kafka by the same processes that compose would run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from adapters.demo.refusals import NOTICED_BY

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]

AGENCIES = {
    "csu-camden",
    "csu-lewisham",
    "cps-london",
    "council-camden",
    "council-lewisham",
    "haven-support",
    "lantern-centre",
}


def demo(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "adapters.main", "demo", *arguments]


def processes_of(folder: Path) -> list[str]:
    """Command lines of live processes that name the folder."""
    shown = subprocess.run(
        ["ps", "-ww", "-eo", "args="], capture_output=True, text=True, check=True
    )
    return [line for line in shown.stdout.splitlines() if str(folder) in line]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path, str]:
    """One run with few cases: its JSON, its folder and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    root, figures = folder / "kept", folder / "figures.json"
    command = demo("--cases", "40", "--keep", str(root), "--json", str(figures))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=560)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert not processes_of(root)
    return json.loads(figures.read_text()), root, done.stdout


def refused(figures: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {r["what"]: (r["step"], r["code"]) for r in figures["refusals"]}


def test_everything_that_the_demo_expects_holds(played: tuple[dict[str, Any], Path, str]) -> None:
    figures, _, _ = played
    assert figures["met"]
    assert all(one["met"] for one in figures["expectations"])


def test_every_event_sent_arrived_exactly_once(
    played: tuple[dict[str, Any], Path, str],
) -> None:
    compared = played[0]["compared"]
    assert compared["sent"] == compared["arrived"] > 100
    assert (compared["lost"], compared["twice"], compared["unexpected"]) == (0, 0, 0)
    assert compared["repeated_rows"] > 0


def test_the_inbox_folders_hold_as_many_files_as_arrived(
    played: tuple[dict[str, Any], Path, str],
) -> None:
    figures, root, _ = played
    files = sum(len(list((root / agency / "inbox").glob("[!.]*"))) for agency in AGENCIES)
    assert files == figures["compared"]["arrived"]


def test_bad_rows_and_files_are_put_aside_with_their_reason(
    played: tuple[dict[str, Any], Path, str],
) -> None:
    figures, root, _ = played
    rows = figures["compared"]["rows_refused"]
    assert {"unknown_value", "invalid_date", "text_too_long"} <= rows.keys()
    assert figures["compared"]["files_refused"]["file_encoding"] == 1
    reasons = list(root.glob("*/quarantine/*.reason.json"))
    assert reasons
    for reason in reasons:  # why, where and which rows, and never a value of a person
        assert "Exampleton" not in reason.read_text()


def test_each_refusal_has_its_step_and_code(played: tuple[dict[str, Any], Path, str]) -> None:
    found = sorted((r["step"], r["code"]) for r in played[0]["refusals"])
    noticed = next(each for each in found if each[1] in NOTICED_BY)
    assert noticed == (NOTICED_BY[noticed[1]], noticed[1])
    assert found == sorted(
        [
            ("before step 0", "kafka_refused"),  # no ACL: writing
            ("before step 0", "kafka_refused"),  # and reading
            ("before sealing", "type_not_permitted"),
            ("step 9", "type_not_permitted"),
            ("before sealing", "field_not_granted"),
            ("step 9", "grouping_wrong"),
            ("step 3", "not_included"),
            noticed,
            ("before sealing", "suspended"),
        ]
    )


def test_the_reason_of_a_refusal_is_in_a_file(played: tuple[dict[str, Any], Path, str]) -> None:
    figures, root, _ = played
    for refusal in figures["refusals"]:
        if refusal["shown_in"]:
            assert refusal["code"] in (root / refusal["shown_in"]).read_text()


def test_the_persons_referrals_went_their_ways(played: tuple[dict[str, Any], Path, str]) -> None:
    referrals = played[0]["story"]["referrals"]
    made = [r["status"] for r in referrals if r["side"] == "referrer"]
    assert sorted(made) == ["cancelled", "completed", "completed", "rejected", "requested"]
    (late,) = [r for r in referrals if r["overdue"]]
    assert (late["with"], late["status"]) == ("haven-support", "requested")


def test_the_address_went_to_police_and_council_under_their_clause(
    played: tuple[dict[str, Any], Path, str],
) -> None:
    figures, _, _ = played
    received = figures["address_received"]
    assert {r["received_by"] for r in received} == {"csu-camden", "council-camden"}
    assert {r["clause"] for r in received} == {"4.1.13"}
    assert set(figures["logs_verified"]) == AGENCIES
    # What the sender's log says is what the recipient's says.
    by_event = {(r["event_id"], r["received_by"]) for r in received}
    for event_id, reader in by_event:
        logs = {
            r["log_of"] for r in received if (r["event_id"], r["received_by"]) == (event_id, reader)
        }
        assert len(logs) == 2
        assert reader in logs


def test_everyone_addressed_knew_of_the_critical_incident_within_seconds(
    played: tuple[dict[str, Any], Path, str],
) -> None:
    times = played[0]["story"]["critical_incident_ms"]
    assert set(times) == {"csu-camden", "cps-london", "council-camden", "haven-support"}
    assert max(times.values()) < 20_000


def test_no_name_is_in_any_log(played: tuple[dict[str, Any], Path, str]) -> None:
    _, root, _ = played
    for log in (root / "logs").iterdir():
        text = log.read_text()
        assert text
        assert "Exampleton" not in text
        assert "Placeholder" not in text


def test_sealed_values_are_not_readable_on_the_disk_of_kafka(
    played: tuple[dict[str, Any], Path, str],
) -> None:
    _, root, _ = played
    segments = list((root / "kafka" / "data").glob("*/*.log"))
    assert segments
    for segment in segments:
        content = segment.read_bytes()
        for word in (b"Exampleton", b"referral.made", b"victim.address"):
            assert word not in content


def test_the_figures_are_there(played: tuple[dict[str, Any], Path, str]) -> None:
    figures = played[0]["figures"]
    assert figures["events"] > 100
    assert figures["events_per_signature"] >= 1
    assert figures["disk_bytes"] > 0
    assert 0 < figures["p50_s"] <= figures["p99_s"] <= figures["longest_s"]
    assert all(0 < mib < 300 for mib in figures["adapter_mib"].values())
    for agency, peak in figures["adapter_peak_mib"].items():
        assert figures["adapter_mib"][agency] <= peak < 500


def test_the_quarters_figures_are_published_with_small_numbers_hidden(
    played: tuple[dict[str, Any], Path, str],
) -> None:
    quarter = played[0]["quarter"]
    assert quarter["by"] == ["borough", "strand"]
    assert "csu-camden" in quarter["counts"]
    shown = [one["cases"] for one in quarter["cells"]]
    assert None in shown
    assert all(number % quarter["round_to"] == 0 for number in shown if number is not None)


def test_the_directory_finds_help_with_reasons_and_the_best_first(
    played: tuple[dict[str, Any], Path, str],
) -> None:
    found = played[0]["directory"]
    results, silent = found["search"]["results"], found["search"]["silent"]
    assert [one["agency"] for one in results] == ["lantern-centre", "haven-support"]
    assert [one["capacity"]["state"] for one in results] == ["capacity", "no-capacity"]
    assert {"need", "area", "strand"} == {one["code"] for one in results[0]["reasons"]}
    assert silent == []
    assert "legal_advice" in found["without_service"]


def test_it_says_which_folder_and_what_to_try(played: tuple[dict[str, Any], Path, str]) -> None:
    _, root, shown = played
    assert shown.splitlines()[0].endswith(str(root))
    proposed = ("kafka up", "adapter run", "subscribe", "log show", "directory search", "figures")
    for command in proposed:
        assert f"concordant {command}" in shown
    assert (root / "try" / "my-report.csv").is_file()
    assert json.loads((root / "demo.json").read_text())["met"]


def test_the_audit_command_answers_from_the_kept_folder(
    played: tuple[dict[str, Any], Path, str],
) -> None:
    figures, root, _ = played
    case = figures["story"]["case_id"]
    command = [sys.executable, "-m", "adapters.main", "log", "show"]
    command += ["--agency", str(root / "csu-camden"), "--case", case, "--field", "victim.address"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "4.1.13" in done.stdout


def test_ctrl_c_leaves_no_process_behind(tmp_path: Path) -> None:
    root = tmp_path / "kept"
    process = subprocess.Popen(
        demo("--cases", "40", "--keep", str(root)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    assert process.stdout is not None
    shown = ""
    for line in process.stdout:
        shown += line
        if " exports " in line:  # the adapters run, and files are on their way
            break
    assert " exports " in shown, shown
    assert len(processes_of(root)) > len(AGENCIES)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    rest = process.stdout.read()
    assert process.wait(60) == 130, rest
    deadline = time.monotonic() + 5
    while processes_of(root) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not processes_of(root)
    assert "no process is left behind" in rest


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = subprocess.run(
        demo("--keep", str(tmp_path)), capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "directory_not_empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_another_kafka_needs_its_partnership(tmp_path: Path) -> None:
    command = demo("--kafka", "127.0.0.1:9", "--keep", str(tmp_path / "none"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "partnership_missing" in done.stderr


def test_a_kafka_that_is_there_already_is_used_and_left_running(tmp_path: Path) -> None:
    root, figures = tmp_path / "partnership", tmp_path / "figures.json"
    concordant = [sys.executable, "-m", "adapters.main"]
    subprocess.run([*concordant, "quickstart", str(root)], check=True, capture_output=True)
    try:
        up = [*concordant, "kafka", "up", "--root", str(root)]
        address = subprocess.run(up, check=True, capture_output=True, text=True).stdout.strip()
        command = demo("--cases", "20", "--keep", str(root), "--kafka", address)
        command += ["--json", str(figures)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
        assert json.loads(figures.read_text())["compared"]["lost"] == 0
        assert any("kafka.Kafka" in line for line in processes_of(root))
        assert not any("adapter run" in line for line in processes_of(root))
    finally:
        down = [*concordant, "kafka", "down", "--root", str(root)]
        subprocess.run(down, check=True, capture_output=True)
    assert not processes_of(root)
