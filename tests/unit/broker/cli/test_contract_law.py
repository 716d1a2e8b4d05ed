"""`contract law`: the codes of the dated lists, for an officer who chooses one."""

from __future__ import annotations

import pytest

from contracts.legal_codes import KINDS, legal_codes
from tests.support.command_line import Cli


def test_every_code_is_listed_with_its_meaning(cli: Cli) -> None:
    done = cli("contract", "law", "--json")
    assert done.code == 0
    listed = {(one["kind"], one["code"]): one["label"] for one in done.json["codes"]}
    assert listed == {
        (kind, code): entry.label for kind in KINDS for code, entry in legal_codes(kind).items()
    }
    text = cli("contract", "law").text
    assert all(label in text for label in listed.values())


@pytest.mark.parametrize("body", ["competent-authority", "public-authority", "other"])
def test_a_body_sees_only_the_codes_on_which_it_may_rely(cli: Cli, body: str) -> None:
    done = cli("contract", "law", "--body", body, "--json")
    assert {one["code"] for one in done.json["codes"]} == {
        code for kind in KINDS for code, entry in legal_codes(kind).items() if body in entry.who
    }


def test_one_kind_of_codes_is_listed_alone_and_says_what_else_the_law_needs(cli: Cli) -> None:
    done = cli("contract", "law", "--kind", "article_9", "--body", "public-authority")
    assert done.code == 0
    rows = [line for line in done.lines if line.startswith("uk-gdpr:")]
    assert rows
    assert all(line.startswith("uk-gdpr:9(") for line in rows)
    (row,) = [line for line in rows if line.startswith("uk-gdpr:9(2)(g)")]
    assert row.endswith("a condition of Schedule 1")
    assert cli("contract", "law", "--kind", "article_8").code == 2
