"""`contract diff|breaking|simulate|who|calendar`: what scripts and officers get."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from icalendar import Calendar

from tests.unit.broker.cli.contract_world import World

WIDER = {
    "purposes: [support-victims], readers: [police, support]}": (
        "purposes: [support-victims], readers: [police, council, support]}"
    )
}
NARROWER = {"retention: {kafka_days: 14, ": "retention: {kafka_days: 13, "}


@pytest.fixture(scope="module")
def world(made: Path) -> World:
    return World(made)


@pytest.fixture
def wider(world: World, tmp_path: Path) -> Path:
    path = tmp_path / "wider.yaml"
    path.write_bytes(world.variant(WIDER))
    return path


@pytest.fixture
def narrower(world: World, tmp_path: Path) -> Path:
    path = tmp_path / "narrower.yaml"
    path.write_bytes(world.variant(NARROWER))
    return path


# --- diff and breaking ----------------------------------------------------------------------------


def test_a_difference_for_programs_has_path_clause_effect_text_and_parties(
    cli, world: World, wider: Path
) -> None:
    done = cli("contract", "diff", world.contract(), wider, "--format", "json")
    assert done.code == 0
    (change,) = done.json["changes"]
    assert change.keys() == {"path", "clause", "effect", "text", "parties"}
    assert change["effect"] == "widens"
    assert change["path"].endswith("fields.victim.needs.readers[council]")
    assert "haven-support" in change["parties"]


def test_equal_versions_have_no_change_and_break_nothing(cli, world: World) -> None:
    same = world.contract()
    assert cli("contract", "diff", same, same, "--format", "json").json == {"changes": []}
    assert cli("contract", "diff", same, same).code == 0
    assert cli("contract", "breaking", same, same).code == 0


def test_only_what_widens_breaks_and_each_is_listed(
    cli, world: World, wider: Path, narrower: Path
) -> None:
    done = cli("contract", "breaking", world.contract(), wider)
    assert (done.code, len(done.text.splitlines())) == (1, 1)
    assert "victim.needs" in done.text
    assert cli("contract", "breaking", world.contract(), narrower).code == 0
    back = cli("contract", "breaking", narrower, world.contract(), "--json")
    assert (back.code, len(back.json["changes"])) == (1, 1)


def test_a_file_that_is_missing_and_a_wrong_call_are_told_apart(
    cli, world: World, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.yaml"
    empty.touch()
    for broken in (tmp_path / "missing.yaml", empty):
        for command in ("diff", "breaking"):
            assert cli("contract", command, world.contract(), broken).code == 3
    assert cli("contract", "breaking", world.contract()).code == 2
    assert cli("contract", "diff", world.contract(), empty, "--format", "pdf").code == 2


def test_the_report_of_one_party_leaves_out_what_concerns_only_others(
    cli, world: World, wider: Path, tmp_path: Path
) -> None:
    args = ("contract", "diff", world.contract(), wider, "--format", "json", "--party")
    assert cli(*args, "council-camden").json["changes"]
    unknown = cli(*args, "council-camdem")
    assert unknown.code == 2
    assert "agency_unknown" in unknown.err
    out = tmp_path / "report.html"
    page = cli(*args[:4], "--format", "html", "--output", out)
    assert page.code == 0
    assert out.read_text().startswith("<!DOCTYPE html>")


# --- simulate -------------------------------------------------------------------------------------


@pytest.fixture
def event(cli, world: World) -> bytes:
    raw: bytes = cli("event", "example", "referral.made", "--agency", world.agency()).out
    return raw


def test_each_event_has_a_line_with_each_recipients_part(cli, world: World, event: bytes) -> None:
    done = cli("contract", "simulate", "--agency", world.agency(), stdin=event + event)
    assert done.code == 0
    lines = [json.loads(line) for line in done.text.splitlines()]
    assert len(lines) == 2
    for view in lines[0]["recipients"].values():
        assert view.keys() == {"reads", "left_out"}
        assert view["left_out"][0].keys() == {"field", "reason", "clause"}


def test_a_line_that_is_no_event_is_refused_and_the_others_are_answered(
    cli, world: World, event: bytes
) -> None:
    done = cli("contract", "simulate", "--agency", world.agency(), stdin=b"{}\n" + event)
    assert done.code == 4
    first, second = (json.loads(line) for line in done.text.splitlines())
    assert first["refused"] == "event_malformed"
    assert second["recipients"]


def test_an_unsigned_version_is_tried_without_keys(
    cli, world: World, wider: Path, event: bytes, tmp_path: Path
) -> None:
    bare = world.copied(tmp_path / "bare").agency()
    for key in (bare / "keys").iterdir():
        key.unlink()
    args = ("contract", "simulate", "--agency", bare)
    now = json.loads(cli(*args, stdin=event).text)["recipients"]["council-camden"]
    then = cli(*args, "--agreement", wider, stdin=event)
    assert "victim.needs" not in now["reads"]
    assert "victim.needs" in json.loads(then.text)["recipients"]["council-camden"]["reads"]


# --- who and calendar -----------------------------------------------------------------------------


def test_readers_of_a_field_are_one_row_for_each_type_and_role(cli, world: World) -> None:
    done = cli("contract", "who", "victim.needs", world.contract(), "--type", "referral.made")
    assert done.code == 0
    table, meanings = done.text.split("\n\n")
    rows = [line.split() for line in table.splitlines()[1:]]
    assert {row[2] for row in rows} == {"police", "support"}
    assert {code for row in rows for code in row if ":" in code} <= set(meanings.split())
    wrong = cli("contract", "who", "victim.need", "--agency", world.agency())
    assert wrong.code == 2
    assert "field_unknown" in wrong.err


def test_the_calendar_file_is_read_back_with_each_day(cli, world: World, tmp_path: Path) -> None:
    out = tmp_path / "agreement.ics"
    assert cli("contract", "calendar", world.contract(), "--format", "ics", "-o", out).code == 0
    days = cli("contract", "calendar", world.contract(), "--format", "json").json
    entries = Calendar.from_ical(out.read_bytes()).walk("VEVENT")
    assert [str(one["dtstart"].dt) for one in entries] == [one["day"] for one in days]
    assert len({one["uid"] for one in entries}) == len(entries)
    reminded = [bool(one.walk("VALARM")) for one in entries]
    assert reminded == [one["kind"] != "start" for one in days]
    table = cli("contract", "calendar", "--agency", world.agency())
    assert len(table.text.splitlines()) == 1 + len(days)


# --- the paper of one party -----------------------------------------------------------------------


def test_a_party_gets_its_paper_in_each_format(cli, world: World) -> None:
    args = ("contract", "explain", world.contract())
    text = cli(*args, "--party", "haven-support")
    assert (text.code, "Haven Support" in text.text) == (0, True)
    assert cli(*args, "--party", "haven-support", "--format", "md").text.startswith("# ")
    assert "<pre>" in cli(*args, "--format", "html").text
    assert cli(*args, "--party", "haven-suport").code == 2
    assert cli(*args, "--party", "haven-support", "--json").code == 2


# --- exports --------------------------------------------------------------------------------------


def test_an_agencys_folder_exports_its_own_part_and_a_file_asks_for_a_party(
    cli, world: World
) -> None:
    own = cli("contract", "export", "ropa", "--agency", world.agency("haven-support"))
    assert own.code == 0
    assert own.text.splitlines()[1].startswith("Haven Support")
    named = cli("contract", "export", "ropa", world.contract(), "--party", "haven-support")
    assert named.out == own.out
    assert cli("contract", "export", "ropa", world.contract()).code == 2
    assert cli("contract", "export", "dpia", "--agency", world.agency()).text.startswith("# ")
    assert "apiVersion: v3.2.0" in cli("contract", "export", "odcs", world.contract()).text
