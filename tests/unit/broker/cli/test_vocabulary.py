"""`vocabulary new|lint|show|diff`, `contract types` and the exports for developers."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from contracts.vocabulary.known import shipped_vocabulary_files


@pytest.fixture
def mine(cli, tmp_path: Path) -> Path:
    """A new vocabulary, as `vocabulary new` writes it."""
    path = tmp_path / "housing.vocabulary.yaml"
    assert cli("vocabulary", "new", "housing", "--title", "Housing", "--out", path).code == 0
    return path


def changed(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert text.count(old) >= 1, old
    other = path.with_name("changed.vocabulary.yaml")
    other.write_text(text.replace(old, new))
    return other


# --- new and lint ---------------------------------------------------------------------------------


def test_a_new_vocabulary_passes_lint_and_is_not_overwritten(cli, mine: Path) -> None:
    done = cli("vocabulary", "lint", mine, "--json")
    assert (done.code, done.json["errors"], done.json["findings"]) == (0, 0, [])
    before = mine.read_bytes()
    again = cli("vocabulary", "new", "housing", "--title", "Another", "--out", mine)
    again.require_failure("output_exists", 2)
    assert mine.read_bytes() == before


def test_a_name_that_is_none_is_refused(cli, tmp_path: Path) -> None:
    out = tmp_path / "x.yaml"
    done = cli("vocabulary", "new", "No Name", "--title", "x", "--out", out)
    done.require_failure("option_invalid", 2)
    assert not out.exists()


@pytest.mark.parametrize("name", shipped_vocabulary_files())
def test_a_shipped_vocabulary_passes_lint(cli, tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(shipped_vocabulary_files()[name])
    assert cli("vocabulary", "lint", path).code == 0


def test_a_file_that_does_not_load_is_an_error_with_its_line(cli, mine: Path) -> None:
    path = changed(mine, "code: requested_service", "code: requested_servise")
    done = cli("vocabulary", "lint", path, "--json")
    assert (done.code, done.json["errors"]) == (1, 1)
    (found,) = done.json["findings"]
    assert found["rule"] == "not-a-vocabulary"
    assert f"{path}:" in found["where"]


def test_a_warning_is_no_error(cli, mine: Path) -> None:
    path = changed(mine, 'label: "the name of the person", ', "")
    done = cli("vocabulary", "lint", path, "--json")
    assert (done.code, done.json["errors"]) == (0, 0)
    assert [one["rule"] for one in done.json["findings"]] == ["label-missing"]


# --- show and diff --------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["text", "md", "html"])
def test_every_field_and_code_is_shown(cli, mine: Path, form: str) -> None:
    done = cli("vocabulary", "show", mine, "--format", form)
    assert done.code == 0
    for word in ("request.made", "case_id", "the name of the person", "advice", "share_name"):
        assert word in done.text.replace("\\", "")


def test_one_type_is_shown_alone_and_a_misspelt_one_is_refused(cli) -> None:
    done = cli("vocabulary", "show", "hate-crime", "--type", "referral.status-changed")
    assert "critical-incident" not in done.text
    wrong = cli("vocabulary", "show", "hate-crime", "--type", "referal.made")
    wrong.require_failure("type_unknown", 2)
    assert "referral.made" in wrong.err


def test_a_misspelt_vocabulary_is_refused_with_the_nearest_name(cli) -> None:
    done = cli("vocabulary", "show", "hate-crimes")
    done.require_failure("vocabulary_unknown", 2)
    assert "hate-crime" in done.err.split("to do:")[1]


def test_a_new_field_breaks_nothing_and_another_meaning_does(cli, mine: Path) -> None:
    assert cli("vocabulary", "diff", mine, mine, "--format", "json").json == {"changes": []}
    added = "      note: {"
    more = changed(
        mine,
        added,
        added.replace("note", "more")
        + "kind: uuid, label: x, "
        + ("category: case, sensitivity: none, data_subject: none}\n" + added),
    )
    done = cli("vocabulary", "diff", mine, more, "--format", "json")
    assert done.code == 0
    assert [(one["path"], one["breaks"]) for one in done.json["changes"]] == [
        ("event_types.request.made.more", False)
    ]
    other = changed(mine, "name: {kind: person_name,", "name: {kind: uuid,")
    broken = cli("vocabulary", "diff", mine, other, "--format", "json")
    assert broken.code == 1
    assert ("event_types.request.made.name", True) in [
        (one["path"], one["breaks"]) for one in broken.json["changes"]
    ]
    assert cli("vocabulary", "diff", mine, other).code == 1


# --- what an agreement and its vocabulary give to developers --------------------------------------


def test_types_of_a_party_are_a_module(cli, made: Path) -> None:
    done = cli("contract", "types", "--agency", made / "haven-support")
    assert done.code == 0
    names: dict[str, object] = {}
    exec(compile(done.text, "events.py", "exec"), names)
    assert "ReferralMadeReceived" in names


def test_schemas_of_a_party_have_only_its_fields(cli, made: Path) -> None:
    done = cli("contract", "export", "json-schema", "--agency", made / "haven-support", "--json")
    assert done.code == 2  # it is JSON always, and has no such option
    done = cli(
        "contract", "export", "json-schema", "--agency", made / "haven-support",
        "--type", "referral.made",
    )  # fmt: skip
    assert done.json.keys() == {"receives", "sends"}
    (schema,) = done.json["receives"].values()
    assert "alleged_perpetrators" not in schema["properties"]


@pytest.mark.parametrize("party", ["csu-camden", "haven-support"])
def test_the_dictionary_has_a_row_for_each_field_of_the_party(cli, made: Path, party: str) -> None:
    agency = made / "csu-camden"
    words = ("contract", "export", "dictionary", "--agency", agency, "--party", party)
    done = cli(*words)
    rows = list(csv.DictReader(io.StringIO(done.text)))
    names = {row["field"] for row in rows if row["event_type"] == "referral.made"}
    assert "victim.name" in names
    assert "<U+" not in done.text  # the line ends are those of a text file
    reads = {row["field"] for row in rows if "receives" in row["direction"]}
    assert ("victim.uprn" in reads) is (party == "csu-camden")
    page = cli(*words, "--format", "html").text
    assert all(name in page for name in names)


def test_the_description_for_asyncapi_has_the_topics_of_the_party(cli, made: Path) -> None:
    done = cli("contract", "export", "asyncapi", "--agency", made / "haven-support")
    assert done.json["asyncapi"] == "3.1.0"
    addresses = {one["address"] for one in done.json["channels"].values()}
    assert "pan-london.london-hate-crime.a" in addresses


def test_diff_names_a_sensitivity_that_is_lowered(cli, tmp_path: Path) -> None:
    raw = shipped_vocabulary_files()["hate-crime"]
    at = re.search(rb"ethnicity: \{[^}]*sensitivity: (special-category)", raw)
    assert at is not None
    new = tmp_path / "new.yaml"
    new.write_bytes(raw[: at.start(1)] + b"personal" + raw[at.end(1) :])
    done = cli("vocabulary", "diff", "hate-crime", new, "--format", "json")
    assert done.code == 1
    assert {each["rule"] for each in done.json["changes"]} == {"sensitivity-lowered"}
    lowered = {"from": "special-category", "to": "personal"}
    assert all(each["lowered"] == lowered for each in done.json["changes"])
    assert "special-category" in cli("vocabulary", "diff", "hate-crime", new).text
