"""``concordant agency``: options, questions on a terminal, and the entry for others."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.clock import now_ms
from broker.partnership.entry import verify_entry
from tests.support.command_line import run
from tests.support.founding import CONTACTS, cheap_scrypt, content, options, reason


@pytest.fixture(autouse=True)
def _quickly() -> object:
    with cheap_scrypt():
        yield


def test_init_makes_an_agency_and_entry_writes_its_public_file(tmp_path: Path) -> None:
    folder, out = tmp_path / "a", tmp_path / "a.entry"
    made = run("agency", "init", folder, *options(folder))
    assert (made.code, made.err) == (0, "")
    last = made.text.splitlines()[-1]
    assert "offline" in last
    assert str(folder / "governance") in last
    written = run("agency", "entry", "--agency", folder, "--out", out, "--json")
    assert written.code == 0
    entry = verify_entry(out.read_bytes(), now=now_ms())
    assert written.json["words"] == " ".join(entry.words)
    for word in entry.words:
        assert word in made.text


def test_the_folder_alone_finishes_and_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    first = run("agency", "init", folder, *options(folder), "--json").json
    before = content(folder)
    again = run("agency", "init", folder, "--json")
    assert again.json == {**first, "made": []}
    assert content(folder) == before


def test_without_a_terminal_every_missing_option_is_named(tmp_path: Path) -> None:
    done = run("agency", "init", tmp_path / "a", "--id", "csu-camden")
    assert (done.code, reason(done), done.text) == (2, "option_missing", "")
    for option in ("--name", "--role", "--area", "--adapter", "--kafka", "--passphrase-file"):
        assert option in done.err
    assert "--id" not in done.err.splitlines()[0]
    assert all(f"--contact {name}=" in done.err for name in CONTACTS)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--id", "CSU Camden"),
        ("--id", "-a"),
        ("--role", "Police!"),
        ("--area", "Camden"),
        ("--registration", "12"),
        ("--kafka", "localhost"),
        ("--name", "Police\u202e"),
        ("--contact", "siro=Nobody"),
        ("--contact", "siro=A,not-an-address"),
        ("--contact", "director=A,a@b.example"),
        ("--contact", "breach=A,a@b.example"),
    ],
)
def test_a_wrong_value_is_named_and_makes_nothing(tmp_path: Path, option: str, value: str) -> None:
    folder = tmp_path / "a"
    done = run("agency", "init", folder, *options(folder), option, value)
    assert (done.code, reason(done)) == (2, "option_invalid")
    assert option in done.err
    assert not folder.exists()


@pytest.mark.parametrize(("role", "advice"), [("polize", "police"), ("police", None)])
def test_a_role_that_no_terms_have_is_named(tmp_path: Path, role: str, advice: str | None) -> None:
    folder = tmp_path / "a"
    done = run("agency", "init", folder, *options(folder, "csu-camden", role))
    assert done.code == 0
    assert ("Did you mean" in done.err) == (advice is not None)
    assert advice is None or advice in done.err


def test_a_terminal_is_asked_and_shows_a_qr_code(tmp_path: Path) -> None:
    pytest.importorskip("segno")
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("secret\n")
    answers = ["csu-camden", "Police", "police", "E09000007, E09000023", "csu", "kafka:9092"]
    answers += [str(passphrase), "no comma", *(f"{name}, {name}@a.example" for name in CONTACTS)]
    answers += ["Sir O, siro@a.example", ""]
    done = run(
        "agency", "init", tmp_path / "a", stdin="\n".join(answers).encode() + b"\n", terminal=True
    )
    assert done.code == 0, done.err
    assert "▀" in done.text or "█" in done.text
    assert "offline" in done.text.splitlines()[-1]
    assert run("agency", "init", tmp_path / "a", "--json").json["made"] == []


def test_an_entry_that_has_no_agency(tmp_path: Path) -> None:
    done = run("agency", "entry", "--agency", tmp_path, "--out", tmp_path / "x")
    assert (done.code, reason(done)) == (3, "config_missing")
    assert not (tmp_path / "x").exists()


def test_an_entry_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    run("agency", "init", folder, *options(folder))
    done = run("agency", "entry", "--agency", folder, "--out", tmp_path / "no" / "x")
    assert (done.code, reason(done)) == (3, "output_unwritable")
