"""`tail`, `top` and the partners of `status`, over a real state database."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from broker.cli.watching_text import WIDTH, picture_text
from broker.clock import now_ms
from broker.operations.live_state import live_state
from broker.operations.partner_flow import PartnerFlow

SENDER, READER = "csu-camden", "council-camden"


def referral(world, cli):
    event = world.event(cli, SENDER, "referral.made")
    event["recipients"] = [READER, "haven-support", "csu-lewisham"]
    return event


@pytest.mark.parametrize("name", ["tail", "top"])
def test_before_the_adapter_has_run_it_says_so(cli, world, name: str) -> None:
    world.without_state(READER)
    more = ("--once",) if name == "top" else ("--for", "0")
    cli(name, *more, "--agency", world.directory(READER)).require_failure("state_missing")


def test_tail_prints_a_line_for_each_step_and_no_value(cli, world) -> None:
    world.receive(READER, *world.live(SENDER, referral(world, cli)))
    agency = ("--agency", world.directory(READER))
    done = cli("tail", "--since", "2026-01-01", "--for", "0", "--json", *agency)
    (line,) = done.jsonl
    assert (done.code, line["step"], line["partners"]) == (0, "received", [SENDER])
    assert (line["about"], bool(line["event"]), line["code"]) == ("referral.made", True, None)
    text = cli("tail", "--since", "2026-01-01", "--for", "0", *agency)
    assert (text.code, len(text.lines)) == (0, 1)
    assert line["event"] in text.text
    assert "Zephyrine" not in text.text + done.text
    assert cli("tail", "--for", "0", *agency).text == ""


class SeenError(Exception):
    """Ends the watching."""


def test_a_commit_wakes_the_tail(cli, world) -> None:
    world.state_of(READER)
    records = world.live(SENDER, referral(world, cli))
    with live_state(world.directory(READER), now_ms) as live:
        lines = live.tail(None)
        looks = 0

        def show() -> None:
            nonlocal looks
            looks += 1
            found = lines()
            if found:
                raise SeenError([one.step for one in found])
            if looks == 1:
                world.receive(READER, *records)

        with pytest.raises(SeenError) as seen:
            live.watch(show, 120, 120)
    assert seen.value.args == (["received"],)


def test_top_shows_each_partner_in_80_columns(cli, world) -> None:
    world.receive(READER, *world.live(SENDER, referral(world, cli)))
    agency = ("--agency", world.directory(READER))
    done = cli("top", "--once", *agency)
    assert done.code == 0
    assert max(map(len, done.lines)) <= WIDTH
    (line,) = [one for one in done.lines if one.startswith(SENDER)]
    assert line.split()[1:] == ["never", "0", "1", "0", "1", "0", "0"]
    live = cli("top", "--for", "0", *agency, terminal=True)
    assert (live.code, SENDER in live.text) == (0, True)
    assert len(cli("top", *agency).lines) == len(done.lines), "without a terminal it ends at once"


def test_large_numbers_and_long_names_stay_in_80_columns(world) -> None:
    world.state_of(READER)
    with live_state(world.directory(READER), now_ms) as live:
        picture = live.picture()
    most = PartnerFlow("a" * 63, *[1_234_567] * 8)
    status = replace(picture.status, partners=(most,))
    lines = picture_text(replace(picture, status=status)).splitlines()
    assert max(map(len, lines)) <= WIDTH
    (line,) = [one for one in lines if one.startswith("aaa")]
    assert line.split()[-6:] == ["1234567"] * 6


def test_status_has_the_four_numbers_of_each_partner(cli, world) -> None:
    world.receive(READER, *world.live(SENDER, referral(world, cli)))
    agency = ("--agency", world.directory(READER))
    lines = {one["agency"]: one for one in cli("status", *agency, "--json").json["partners"]}
    one = lines[SENDER]
    assert (one["received"], one["to_deliver"], one["put_aside"], one["overdue"]) == (1, 1, 0, 0)
    assert bool(one["last_received"])
    assert json.dumps(one)
    assert "PARTNERS" in cli("status", *agency).text
