"""Command `figures-check`: who published which bytes, from whose counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from broker.cli import figures_check, output
from tests.unit.broker.cli.test_figures import AGENCY, asked, folder, quarter, record

__all__ = ["folder"]  # the fixture of the table

PARTNER = "csu-camden"


def check(cli, file: Path, *more: object):
    return cli("figures-check", file, "--json", *more)


def altered(content: str, *, is_json: bool) -> str:
    """One character more; in JSON, one member more, beside the note."""
    return json.dumps({**json.loads(content), "more": 1}) if is_json else f"{content} "


@pytest.fixture
def forms(cli, folder, tmp_path) -> Path:
    """The table in every form."""
    place = tmp_path / "forms"
    place.mkdir()
    for more in (
        ("--json", "--output", place / "f.json"),
        ("--csv", "--output", place / "f.csv"),
        ("--html", place / "f.html", "--svg", place / "f.svg"),
    ):
        done = cli(*asked(folder, "borough", *more))
        assert done.code == 0, done.err
    return place


@pytest.mark.parametrize("name", ["f.json", "f.csv", "f.csv-metadata.json", "f.html", "f.svg"])
def test_every_form_says_who_published_it_and_is_refused_when_changed(
    cli, folder, forms, name: str
) -> None:
    file = forms / name
    done = check(cli, file, "--agency", folder)
    assert done.code == 0, done.err
    assert (done.json["holds"], done.json["agency"], done.json["period"]) == (
        True,
        AGENCY,
        quarter(),
    )
    assert done.json["held"] == {AGENCY: "same"}
    file.write_text(altered(file.read_text(), is_json=name.endswith(".json")))
    changed = check(cli, file, "--agency", folder)
    assert (changed.code, changed.json["code"]) == (1, "release_changed")


def test_a_partner_and_a_reader_with_the_key_check_it_too(cli, forms, world) -> None:
    partner = check(cli, forms / "f.csv", "--agency", world.directory(PARTNER))
    assert (partner.code, partner.json["held"]) == (0, {AGENCY: "none"})
    reader = check(cli, forms / "f.csv", "--key", partner.json["key"])
    assert (reader.code, reader.json["agency"]) == (0, AGENCY)
    assert set(reader.json["counts"]) == {AGENCY}


def test_counts_that_changed_since_are_other_counts(cli, folder, forms, world) -> None:
    record(world, 60, "E09000007", ["race"])
    done = check(cli, forms / "f.csv", "--agency", folder)
    assert (done.code, done.json["held"]) == (0, {AGENCY: "other"})


def test_another_key_is_release_signer_unknown(cli, folder, forms, world) -> None:
    key = check(cli, forms / "f.csv", "--agency", folder).json["key"]
    note = forms / "f.csv.note"
    note.write_text(note.read_text().replace(f'{AGENCY}",', 'csu-camden",'))
    for more in (("--agency", folder), ("--key", key)):
        done = check(cli, forms / "f.csv", *more)
        assert (done.code, done.json["code"]) == (1, "release_signer_unknown")


def test_a_note_of_another_kind_is_release_malformed(cli, folder, forms) -> None:
    (forms / "f.csv.note").write_text("a letter\n")
    done = check(cli, forms / "f.csv", "--agency", folder)
    assert (done.code, done.json["code"]) == (1, "release_malformed")


def test_a_file_without_a_note_is_release_unsigned(cli, folder, forms) -> None:
    (forms / "f.csv.note").unlink()
    done = check(cli, forms / "f.csv", "--agency", folder)
    assert (done.code, done.json["code"]) == (1, "release_unsigned")


@pytest.mark.parametrize("key", ["", "a/b+00000000+AQ==", "a/b", "a/b+00000000+" + "A" * 43 + "="])
def test_a_text_that_is_no_key_is_release_key_malformed(cli, forms, key: str) -> None:
    done = check(cli, forms / "f.csv", "--key", key)
    assert (done.code, "release_key_malformed" in done.err) == (2, True)


def test_either_a_folder_or_a_key_is_needed(cli, folder, forms) -> None:
    assert check(cli, forms / "f.csv").code == 2
    assert check(cli, forms / "f.csv", "--agency", folder, "--key", "x").code == 2


def test_people_read_who_published_it_and_a_fault_in_words(cli, folder, forms) -> None:
    file = forms / "f.csv"
    said = cli("figures-check", file, "--agency", folder).text
    assert said.startswith("Valid")
    assert AGENCY in said
    assert quarter() in said
    assert json.loads((forms / "f.json").read_text())["counts"][AGENCY] in said
    file.write_text("x")
    done = cli("figures-check", file, "--agency", folder)
    assert done.code == 1
    assert done.lines[0].startswith("Not valid")
    assert "release_changed" in done.lines[0]


def test_a_member_that_is_repeated_at_any_depth_is_release_changed(cli, folder, forms) -> None:
    file = forms / "f.json"
    signed = file.read_text()
    for repeated in (
        signed.replace("{", '{"period": "1999-Q1", ', 1),
        signed.replace('"totals": {', '"totals": {"cases": 7, ', 1),
    ):
        assert json.loads(repeated) == json.loads(signed)
        file.write_text(repeated)
        done = check(cli, file, "--agency", folder)
        assert (done.code, done.json["code"]) == (1, "release_changed")


def test_the_signature_is_of_what_was_written_and_not_of_what_is_on_the_disk(
    cli, folder, tmp_path, monkeypatch
) -> None:
    written = output.write_file

    def altered_meanwhile(file: Path, data: bytes, what: str) -> None:
        written(file, data if what == "signature" else data + b" ", what)

    monkeypatch.setattr(output, "write_file", altered_meanwhile)
    for option, name in (("--html", "f.html"), ("--svg", "f.svg")):
        assert cli(*asked(folder, "borough", option, tmp_path / name)).code == 0
    assert cli(*asked(folder, "borough", "--csv", "--output", tmp_path / "f.csv")).code == 0
    for name in ("f.html", "f.svg", "f.csv"):
        done = check(cli, tmp_path / name, "--agency", folder)
        assert (done.code, done.json["code"]) == (1, "release_changed")


@pytest.mark.parametrize("other", [("period", "2026-Q9"), ("counted", "persons")])
def test_a_note_with_another_period_or_subject_is_release_malformed(
    cli, folder, forms, other: tuple[str, str]
) -> None:
    note = forms / "f.csv.note"
    name, value = other
    said = {"period": quarter(), "counted": "cases"}[name]
    note.write_text(note.read_text().replace(f'"{name}":"{said}"', f'"{name}":"{value}"'))
    assert value in note.read_text()
    done = check(cli, forms / "f.csv", "--agency", folder)
    assert (done.code, done.json["code"]) == (1, "release_malformed")


def test_a_file_that_no_release_can_be_is_not_read_whole(cli, folder, forms, monkeypatch) -> None:
    monkeypatch.setattr(figures_check, "MAX_FILE_BYTES", 100)
    done = check(cli, forms / "f.csv", "--agency", folder)
    assert (done.code, "input_unreadable" in done.err) == (3, True)


def test_the_signature_file_in_place_of_the_figures_is_wrong_use(cli, folder, forms) -> None:
    assert check(cli, forms / "f.csv.note", "--agency", folder).code == 2


def test_the_verdict_names_the_missing_signature_file(cli, folder, forms) -> None:
    note = forms / "f.csv.note"
    note.unlink()
    done = cli("figures-check", forms / "f.csv", "--agency", folder)
    assert done.code == 1
    assert str(note).encode() in done.out
