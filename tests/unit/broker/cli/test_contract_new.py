"""`contract new`: terms that load, what is still open in them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from contracts.loading import load_draft, shipped_terms

ROLES = (
    "--role", "council=public-authority,A council.",
    "--role", "police=competent-authority,A police force.",
    "--role", "charity=other,A charity.",
)  # fmt: skip
LAW = (
    "--law", "council:bases=uk-gdpr:6(1)(e)", "--law", "council:article_9=uk-gdpr:9(2)(g)",
    "--law", "council:article_10=dpa2018:10(5)", "--law", "council:schedule_1=dpa2018:sch1:18",
    "--law", "charity:bases=uk-gdpr:6(1)(f)", "--law", "charity:article_9=uk-gdpr:9(2)(g)",
    "--law", "charity:article_10=dpa2018:10(5)",
    "--law", "charity:schedule_1=dpa2018:sch1:18; dpa2018:sch1:10",
    "--law", "police:bases=dpa2018:35(2)(b)", "--law", "police:schedule_8=dpa2018:sch8:4",
    "--law", "police:gateways=dpa2018:s36(4)",
)  # fmt: skip
NAMES = (
    "--name", "safe-home", "--title", "A safe home", "--summary", "Who asks whom for help.",
    "--purpose", "protect=Protect a person.",
)  # fmt: skip


@pytest.mark.parametrize("vocabulary", ["hate-crime", "domestic-abuse", "victim-information"])
def test_after_the_open_points_are_written_the_terms_pass_lint(
    cli, tmp_path: Path, vocabulary: str
) -> None:
    path = tmp_path / "terms.yaml"
    done = cli("contract", "new", "--out", path, "--vocabulary", vocabulary, *NAMES, *ROLES, *LAW)
    assert done.code == 0
    found = cli("contract", "lint", path, "--json").json[0]["findings"]
    assert {one["rule"] for one in found if one["severity"] == "error"} == {"placeholder"}
    path.write_text(path.read_text().replace("TBC", "As the officers decided."))
    after = cli("contract", "lint", path, "--json").json[0]
    assert (after["errors"], [f for f in after["findings"] if f["severity"] == "error"]) == (0, [])


def test_every_field_of_the_vocabulary_is_there_for_every_role(cli, tmp_path: Path) -> None:
    path = tmp_path / "terms.yaml"
    cli("contract", "new", "--out", path, "--vocabulary", "hate-crime", *NAMES, *ROLES, *LAW)
    contract = load_draft(path).contract
    for name, of_type in contract.vocabulary.event_types.items():
        fields = contract.event_types[name].fields
        assert fields.keys() == of_type.leaves.keys()
        assert all(
            set(field.readers) == {"council", "police", "charity"} for field in fields.values()
        )
    assert "uk-gdpr:6(1)(c)" not in path.read_text()  # a choice is listed only where none was made


def test_the_suited_codes_of_law_stand_where_none_was_chosen(cli, tmp_path: Path) -> None:
    path = tmp_path / "terms.yaml"
    cli("contract", "new", "--out", path, "--vocabulary", "hate-crime", *NAMES, *ROLES)
    text = path.read_text()
    assert "# council, basis:\n#   uk-gdpr:6(1)(a): consent\n" in text
    assert yaml.safe_load(text)["legal_bases"][0]["basis"] == "TBC"


def test_a_vocabulary_of_ones_own_is_copied_beside_the_terms(cli, tmp_path: Path) -> None:
    mine = tmp_path / "elsewhere" / "v.yaml"
    mine.parent.mkdir()
    cli("vocabulary", "new", "housing", "--title", "Housing", "--out", mine)
    out = tmp_path / "terms.yaml"
    assert cli("contract", "new", "--out", out, "--vocabulary", mine, *NAMES, *ROLES).code == 0
    assert (tmp_path / "housing.vocabulary.yaml").read_bytes() == mine.read_bytes()
    assert cli("contract", "lint", out).code == 1  # it loads, and points are open


def test_on_a_terminal_it_asks_and_law_is_chosen_by_number(cli, tmp_path: Path) -> None:
    out = tmp_path / "terms.yaml"
    answers = ["2", "safe-home", "A safe home", "Who asks whom.",
               "council", "2", "A council.", "", "protect", "Protect a person.", "",
               "5", "7", "", "1, 2", ""]  # fmt: skip
    done = cli(
        "contract", "new", "--out", out, stdin=("\n".join(answers) + "\n").encode(), terminal=True
    )
    assert done.code == 0, done.err
    basis = yaml.safe_load(out.read_text())["legal_bases"][0]
    assert basis["basis"] == "uk-gdpr:6(1)(e)"
    assert basis["article_10"] == "TBC"
    assert len(basis["schedule_1"].split(";")) == 2


def test_an_answer_that_cannot_be_used_is_asked_for_again(cli, tmp_path: Path) -> None:
    out = tmp_path / "terms.yaml"
    answers = ["9", "hate-crimes", "hate-crime", "Safe Home", "safe-home", "A safe home", "Who.",
               "council", "mayor", "2", "A council.", "Police!", "", "protect", "Protect.", "",
               "99", "x", "5", "", "", "", ""]  # fmt: skip
    done = cli(
        "contract", "new", "--out", out, stdin=("\n".join(answers) + "\n").encode(), terminal=True
    )
    assert done.code == 0, done.err
    terms = yaml.safe_load(out.read_text())
    assert (terms["vocabulary_name"], terms["name"]) == ("hate-crime", "safe-home")
    assert list(terms["roles"]) == ["council"]
    assert terms["legal_bases"][0]["basis"] == "uk-gdpr:6(1)(e)"


def test_after_three_answers_that_cannot_be_used_nothing_is_written(cli, tmp_path: Path) -> None:
    out = tmp_path / "terms.yaml"
    done = cli("contract", "new", "--out", out, stdin=b"7\n8\n9\n", terminal=True)
    done.require_failure("vocabulary_unknown", 2)
    assert not out.exists()


def test_the_questions_list_the_vocabularies_and_the_kinds_of_bodies(cli, tmp_path: Path) -> None:
    answers = b"domestic-abuse\nsafe\nSafe\nWho.\ncharity\n"
    done = cli("contract", "new", "--out", tmp_path / "t.yaml", stdin=answers, terminal=True)
    for words in ("1. domestic-abuse: ", "3. victim-information: ", "2. public-authority: "):
        assert words in done.err


@pytest.mark.parametrize("name", ["london-hate-crime", "marac-domestic-abuse"])
def test_terms_begin_as_a_copy_of_shipped_ones(cli, tmp_path: Path, name: str) -> None:
    out = tmp_path / "terms.yaml"
    assert cli("contract", "new", "--terms", name, "--out", out).code == 0
    assert out.read_text() == shipped_terms(name)


def test_a_copy_has_its_own_name_and_the_values_that_are_set(cli, tmp_path: Path) -> None:
    out = tmp_path / "terms.yaml"
    done = cli("contract", "new", "--terms", "marac-domestic-abuse", "--name", "northside",
               "--title", "Northside", "--out", out, "--set",
               "event_types.marac.referred.fields.victim.gender.readers=council, support",
               "--set", "legal_bases[0].appropriate_policy_document=APD-7",
               "--set", "event_types.marac.referred.retention.recipient_years=3")  # fmt: skip
    assert done.code == 0, done.err
    contract = load_draft(out).contract
    terms = contract.event_types["marac.referred"]
    assert (contract.name, contract.title) == ("northside", "Northside")
    assert set(terms.fields["victim.gender"].readers) == {"council", "support"}
    assert contract.legal_bases[0].appropriate_policy_document == "APD-7"
    assert terms.retention is not None
    assert terms.retention.recipient_years == 3
    before, after = shipped_terms("marac-domestic-abuse").splitlines(), out.read_text().splitlines()
    assert len(before) == len(after)
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 5


def test_a_copy_of_ones_own_terms_has_their_vocabulary_beside_it(cli, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    mine = here / "housing.vocabulary.yaml"
    cli("vocabulary", "new", "housing", "--title", "Housing", "--out", mine)
    terms = here / "terms.yaml"
    cli("contract", "new", "--out", terms, "--vocabulary", mine, *NAMES, *ROLES)
    done = cli("contract", "new", "--terms", terms, "--out", there / "copy.yaml")
    assert done.code == 0, done.err
    assert (there / "housing.vocabulary.yaml").read_bytes() == mine.read_bytes()


def test_terms_and_a_vocabulary_are_not_given_together(cli, tmp_path: Path) -> None:
    out = tmp_path / "t.yaml"
    done = cli("contract", "new", "--terms", "london-hate-crime", "--vocabulary", "hate-crime",
               "--out", out)  # fmt: skip
    done.require_failure("option_invalid", 2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["no.such", "roles", "event_types.marac.referred", "x[9]"])
def test_a_path_that_names_no_value_is_refused_and_writes_nothing(
    cli, tmp_path: Path, path: str
) -> None:
    out = tmp_path / "t.yaml"
    done = cli(
        "contract", "new", "--terms", "marac-domestic-abuse", "--out", out, "--set", f"{path}=1"
    )
    done.require_failure("field_unknown", 2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        (("--role", "council=mayor,A council."), "option_invalid"),
        (("--purpose", "protect"), "option_invalid"),
        (("--law", "council:bases=uk-gdpr:6(1)(f)"), "option_invalid"),  # not for an authority
        (("--law", "mayor:bases=uk-gdpr:6(1)(e)"), "option_invalid"),
        (("--vocabulary", "hate-crimes"), "vocabulary_unknown"),
        (("--name", "Safe Home"), "option_invalid"),
    ],
)
def test_a_wrong_value_is_refused_and_writes_nothing(
    cli, tmp_path: Path, changed: tuple[str, str], code: str
) -> None:
    out = tmp_path / "terms.yaml"
    words = ["--vocabulary", "hate-crime", *NAMES, *ROLES, *changed]
    done = cli("contract", "new", "--out", out, *words)
    done.require_failure(code, 2)
    assert list(tmp_path.iterdir()) == []


def test_a_misspelt_path_is_answered_with_the_path_that_may_be_meant(cli, tmp_path: Path) -> None:
    path = "event_types.marac.referred.fields.victim.gendr.readers"
    done = cli("contract", "new", "--terms", "marac-domestic-abuse", "--out", tmp_path / "t.yaml",
               "--set", f"{path}=council")  # fmt: skip
    done.require_failure("field_unknown", 2)
    assert "event_types.marac.referred.fields.victim.gender.readers" in done.err


def test_without_a_terminal_the_missing_option_is_named(cli, tmp_path: Path) -> None:
    done = cli("contract", "new", "--out", tmp_path / "t.yaml", "--vocabulary", "hate-crime")
    done.require_failure("option_missing", 2)
    for option in ("--name", "--title", "--summary", "--role", "--purpose"):
        assert option in done.err


def test_a_file_that_is_there_is_kept(cli, tmp_path: Path) -> None:
    out = tmp_path / "terms.yaml"
    out.write_text("mine\n")
    done = cli("contract", "new", "--out", out, "--vocabulary", "hate-crime", *NAMES, *ROLES)
    done.require_failure("output_exists", 2)
    assert out.read_text() == "mine\n"
