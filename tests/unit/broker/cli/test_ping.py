"""The command `event ping`: what it prints, its JSON members and its exit codes."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.operations import event_ping
from broker.operations.event_ping import PingResult, Station
from tests.support.command_line import Cli
from tests.support.guide_sessions import sessions

NOW = 1_762_000_000_000
TOPIC = "pan-london.receipts"


def result(*, answered: bool) -> PingResult:
    """A ping to the council that came back, or that got no answer."""
    ours, theirs = "csu-camden", "council-camden"
    found = PingResult(
        theirs,
        [
            Station("accepted", ours, NOW),
            Station("sealed", ours, NOW + 2),
            Station("on_kafka", ours, NOW + 9, TOPIC, 0, 41),
        ],
    )
    if not answered:
        found.code, found.fix, found.heard_ms = "ping_unanswered", "do this", NOW - 60_000
        return found
    found.stations += [
        Station("fetched", theirs, NOW + 20),
        Station("verified", theirs, NOW + 21),
        Station("answered", theirs, NOW + 22),
        Station("answer_on_kafka", ours, NOW + 33, TOPIC, 0, 42),
        Station("answer_verified", ours, NOW + 35),
    ]
    return found


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Arguments that the command gave; ``answered`` among them decides the result."""
    found: dict[str, object] = {"answered": True}

    def ping_partner(
        directory: Path, partner: str, _clock: Callable[[], int], *, timeout_s: float
    ) -> PingResult:
        found.update(directory=directory, partner=partner, timeout_s=timeout_s)
        return result(answered=bool(found["answered"]))

    monkeypatch.setattr(event_ping, "ping_partner", ping_partner)
    return found


def test_the_command_of_the_guide_shows_each_station(cli: Cli, asked: dict[str, object]) -> None:
    (typed,) = [
        one for one in sessions("rehearsing.md") if one.command.startswith("concordant event ping")
    ]
    done = cli(*shlex.split(typed.command)[1:])
    assert done.code == 0
    assert (asked["partner"], asked["directory"]) == ("council-camden", Path("DIR"))
    shown = [line for line in done.lines if " ms" in line]
    assert len(shown) == 8 + 1
    assert any(f"{TOPIC} 0 offset 42" in line for line in shown)
    assert "does not run" in done.err


def test_json_has_each_station_with_its_time_and_place(cli: Cli, asked: dict[str, object]) -> None:
    found = cli("event", "ping", "council-camden", "--agency", "x", "--json").json
    assert (found["came_back"], found["code"], found["fix"]) == (True, None, None)
    assert [one["after_ms"] for one in found["stations"]] == [0, 2, 9, 20, 21, 22, 33, 35]
    assert found["stations"][2] == {
        "station": "on_kafka",
        "by": "csu-camden",
        "time": "2025-11-01T12:26:40.009Z",
        "after_ms": 9,
        "topic": TOPIC,
        "partition": 0,
        "offset": 41,
    }


def test_without_an_answer_it_ends_with_1_and_the_next_step(
    cli: Cli, asked: dict[str, object]
) -> None:
    asked["answered"] = False
    done = cli("event", "ping", "council-camden", "--agency", "x", "--timeout", 5)
    assert (done.code, asked["timeout_s"]) == (1, 5.0)
    assert "ping_unanswered" in done.text
    assert "to do: do this" in done.err
    found = cli("event", "ping", "council-camden", "--agency", "x", "--json").json
    assert (found["came_back"], found["fix"]) == (False, "do this")
    assert found["last_heard"] == "2025-11-01T12:25:40.000Z"
