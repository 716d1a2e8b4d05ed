"""``contract draft`` and ``concordant bundle``: from entries to an agreement in force."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.clock import now_ms
from tests.support.command_line import run
from tests.support.founding import cheap_scrypt, options, reason

PARTIES = {"csu-camden": "police", "council-camden": "council"}
PARTIES |= {"haven-support": "support", "cps-london": "prosecution"}


@pytest.fixture(autouse=True)
def _quickly() -> object:
    with cheap_scrypt():
        yield


def test_a_partnership_is_founded_by_its_members(tmp_path: Path) -> None:
    today = datetime.fromtimestamp(now_ms() // 1000, UTC).date()
    entries: list[object] = []
    for agency, role in PARTIES.items():
        folder, entry = tmp_path / agency, tmp_path / f"{agency}.entry"
        assert run("agency", "init", folder, *options(folder, agency, role)).code == 0
        assert run("agency", "entry", "--agency", folder, "--out", entry).code == 0
        entries += ["--entry", entry]
    days = ["--starts", today, "--ends", today + timedelta(300), "--review", today + timedelta(200)]
    agreement = tmp_path / "agreement.yaml"
    terms = ["--terms", "london-hate-crime", "--deployment", "pan-camden"]
    drafted = run("contract", "draft", *terms, *entries, *days, "--out", agreement, "--json")
    assert drafted.json["findings"] == []
    assert drafted.json["parties"] == list(PARTIES)
    passed: list[object] = [agreement, *tmp_path.glob("*.entry")]
    for agency in PARTIES:
        folder = tmp_path / agency
        added = run("bundle", "add", "--agency", folder, *passed, "--json")
        assert added.code == 0, added.err
        assert {"kind": "agreement", "name": "london-hate-crime 1.0.0"} in added.json["new"]
        signed = run("contract", "sign", "--agency", folder, "--as", "A. Okafor, Chair", "--yes")
        assert signed.code == 0, signed.err
        passed = [tmp_path / f"{agency}.bundle"]
        made = run("bundle", "make", "--agency", folder, "--out", passed[0])
        assert (made.code, made.lines) == (0, [str(passed[0])])
    for agency in PARTIES:
        assert run("bundle", "add", "--agency", tmp_path / agency, *passed).code == 0
        done = run("contract", "verify", "--agency", tmp_path / agency)
        assert (done.code, "in force" in done.text) == (0, True)
    shown = run("bundle", "show", *passed, "--json").json
    assert [one["agency"] for one in shown["entries"]] == sorted(PARTIES)
    assert shown["agreements"][0]["missing"] == []
    later = tmp_path / "next.yaml"
    revise = ["contract", "revise", agreement, "--out", later, "--json"]
    wrong = run(*revise, "--set", "ends")
    assert (wrong.code, reason(wrong), later.exists()) == (2, "option_invalid", False)
    revised = run(*revise, "--remove", "cps-london", "--set", "summary=What is shared.")
    assert revised.code == 0
    assert revised.json["parties"] == [one for one in PARTIES if one != "cps-london"]
    again = run("contract", "sign", "--agency", tmp_path / "csu-camden", "--yes")
    assert (again.code, reason(again)) == (1, "nothing_to_sign")


def test_a_refused_part_is_named_with_its_file(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    run("agency", "init", folder, *options(folder))
    (tmp_path / "x").write_text("hello")
    done = run("bundle", "add", "--agency", folder, tmp_path / "x")
    assert (done.code, reason(done)) == (4, "bundle_malformed")
    assert str(tmp_path / "x") in done.err
    box = tmp_path / "box"
    box.mkdir()
    for files in ((), ("readme.txt", "desktop.ini")):
        for name in files:
            (box / name).write_text("hello")
        empty = run("bundle", "add", "--agency", folder, box)
        assert (empty.code, reason(empty)) == (4, "bundle_missing")
    run("agency", "entry", "--agency", folder, "--out", box / "a.entry")
    added = run("bundle", "add", "--agency", folder, box, "--json")
    assert (added.code, added.json["skipped"]) == (0, ["desktop.ini", "readme.txt"])
    (box / "b").write_bytes(b"PK\3\4 cut")
    cut = run("bundle", "add", "--agency", folder, box)
    assert (cut.code, reason(cut)) == (4, "bundle_malformed")
    missing = run("bundle", "add", "--agency", folder, tmp_path / "y")
    assert (missing.code, reason(missing)) == (3, "file_unusable")


def test_a_day_that_is_none(tmp_path: Path) -> None:
    days = ["--starts", "2027-02-30", "--ends", "2027-03-01", "--review", "2027-03-01"]
    done = run(
        *("contract", "draft", "--terms", "london-hate-crime", "--deployment", "x"),
        *("--entry", tmp_path / "x", *days, "--out", tmp_path / "out"),
    )
    assert (done.code, reason(done)) == (2, "dates_invalid")


def test_a_draft_of_one_party_an_entry_that_is_given_twice_and_a_wrong_name(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    run("agency", "init", folder, *options(folder))
    run("agency", "entry", "--agency", folder, "--out", tmp_path / "a.entry")
    run("bundle", "make", "--agency", folder, "--out", tmp_path / "a.bundle")
    days = ["--starts", "2027-01-01", "--ends", "2027-12-31", "--review", "2027-07-01"]
    draft = ["contract", "draft", "--terms", "london-hate-crime", *days]
    draft += ["--out", tmp_path / "out"]
    given = ["--entry", tmp_path / "a.entry"]
    for more, code, exit_code in (
        ([*given, "--deployment", "pan-x"], "option_missing", 2),
        ([*given, *given, "--deployment", "pan-x"], "option_missing", 2),
        ([*given, "--deployment", "Pan X"], "option_invalid", 2),
        (["--entry", tmp_path / "a.bundle", "--deployment", "pan-x"], "entry_malformed", 4),
    ):
        done = run(*draft, *more)
        assert (done.code, reason(done)) == (exit_code, code), done.err
    assert not (tmp_path / "out").exists()


def test_status_and_the_check_of_a_partner(tmp_path: Path) -> None:
    first, second = tmp_path / "csu-camden", tmp_path / "cps-london"
    run("agency", "init", first, *options(first))
    made = run("agency", "init", second, *options(second, "cps-london", "prosecution"), "--json")
    run("agency", "entry", "--agency", second, "--out", tmp_path / "x.entry")
    run("bundle", "add", "--agency", first, tmp_path / "x.entry")
    status = run("agency", "status", "--agency", first, "--json")
    assert (status.code, status.json["stage"]) == (0, "founded")
    assert status.json["next"]["command"].startswith("concordant agency entry --agency")
    assert [one["checked"] for one in status.json["partners"]] == [None]
    assert "NOT CHECKED" in run("agency", "status", "--agency", first).text
    check = ["agency", "check-partner", "cps-london", "--agency", first, "--by", "A. Okafor"]
    wrong = run(*check, "--channel", "telephone", "--words", "zoo " * 12)
    assert (wrong.code, reason(wrong)) == (1, "fingerprint_differs")
    right = run(*check, "--channel", "telephone", "--words", made.json["words"])
    assert right.code == 0
    assert run(*check, "--channel", "pigeon", "--words", "x").code == 2
    (partner,) = run("agency", "status", "--agency", first, "--json").json["partners"]
    assert (partner["checked"]["by"], partner["checked"]["channel"]) == ("A. Okafor", "telephone")
    empty = run("contract", "status", "--agency", first, "--json")
    assert (empty.code, empty.json) == (0, [])
