"""Summary of a comparison: the changes of one party in one line, and no change left out."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from contracts.comparison import compare
from contracts.comparison_summary import ChangeSummary, summarise
from contracts.model import Contract
from contracts.parties import Party, VersionEntry

BEFORE = "ab" * 32


def next_of(contract: Contract, **update: object) -> Contract:
    """The next version, as `contract revise` writes its number and its record."""
    entry = VersionEntry(
        version="2.0.0", date=contract.starts, change="One joins.", authorised_by="Each party"
    )
    record = (*contract.version_record, entry)
    told = {"version": "2.0.0", "previous": (BEFORE,), "version_record": record}
    return contract.model_copy(update={**told, **update})


def without(contract: Contract, agency: str) -> dict[str, object]:
    """The parts of an agreement that a party leaves."""
    keys = {one: each for one, each in contract.governance_keys.items() if one != agency}
    return {
        "parties": tuple(party for party in contract.parties if party.id != agency),
        "governance_keys": keys,
        "review_by": tuple(one for one in contract.review_by if one != agency),
    }


def summary_of(before: Contract, after: Contract, party: str | None = None) -> ChangeSummary:
    changes = [
        one for one in compare(before, after).changes if party is None or party in one.parties
    ]
    found = summarise(before, after, changes, party, BEFORE)
    version = () if found.version is None else found.version.changes
    listed = [*version, *(one for line in found.lines for one in line.changes)]
    assert sorted(map(id, listed)) == sorted(map(id, changes))  # each change is in one line
    for line in found.lines:  # a line that stands for a widening change says so
        assert line.widening == (line.effect in {"widens", "both", "unknown"})
    return found


@pytest.fixture
def newcomer(contract: Contract) -> Party:
    return next(party for party in contract.parties if party.role == "support")


@pytest.fixture
def smaller(contract: Contract, newcomer: Party) -> Contract:
    """The agreement before the newcomer joined."""
    return contract.model_copy(update=without(contract, newcomer.id))


@pytest.mark.parametrize("role", ["police", "council", "support", "prosecution"])
def test_a_party_that_joins_is_one_line_for_every_other(
    contract: Contract, smaller: Contract, newcomer: Party, role: str
) -> None:
    reader = next(one.id for one in smaller.parties if one.role == role)
    found = summary_of(smaller, next_of(contract), reader)
    (line,) = found.lines
    assert line.effect == "widens"
    assert newcomer.id in line.text
    assert newcomer.legal_name in line.text
    assert {one.path.partition(".")[0] for one in line.changes} >= {"parties", "governance_keys"}
    assert found.version is not None
    assert "One joins." in found.version.text
    may_read = {
        name
        for name, terms in contract.event_types.items()
        if role in terms.publishers and newcomer.role in terms.recipients
    }
    assert all(name in line.text for name in may_read)


def test_for_all_it_names_what_each_role_exchanges_with_it(
    contract: Contract, smaller: Contract
) -> None:
    (line,) = summary_of(smaller, next_of(contract)).lines
    assert {"police", "council", "prosecution"} <= set(re.findall(r"[a-z]+", line.text))


def test_a_role_that_no_agency_had_before_is_named(contract: Contract) -> None:
    support = [party.id for party in contract.parties if party.role == "support"]
    before = contract
    for agency in support:
        before = before.model_copy(update=without(before, agency))
    lines = summary_of(before, next_of(contract), "csu-camden").lines
    assert len(lines) == len(support)
    assert all("No agency had this role before." in line.text for line in lines)


def test_a_party_that_is_left_out_is_one_line(
    contract: Contract, smaller: Contract, newcomer: Party
) -> None:
    (line,) = summary_of(contract, next_of(smaller), "csu-camden").lines
    assert newcomer.id in line.text
    reviews = newcomer.id in contract.review_by
    assert line.effect == ("both" if reviews else "narrows")


def test_every_other_change_keeps_a_line_of_its_own(contract: Contract, smaller: Contract) -> None:
    update = {"ends": contract.ends + timedelta(days=1), "summary": "Other words."}
    found = summary_of(smaller, next_of(contract, **update), "csu-camden")
    assert [line.effect for line in found.lines].count("widens") == 2
    assert {line.changes[0].path for line in found.lines} >= {"ends", "summary"}


def test_a_later_first_day_is_part_of_the_version_and_an_earlier_one_is_not(
    contract: Contract,
) -> None:
    later = summary_of(contract, next_of(contract, starts=contract.starts + timedelta(days=9)))
    assert later.lines == ()
    assert later.version is not None
    assert str(contract.starts + timedelta(days=9)) in later.version.text
    earlier = summary_of(contract, next_of(contract, starts=contract.starts - timedelta(days=9)))
    assert [line.changes[0].path for line in earlier.lines] == ["starts"]


def test_other_versions_that_it_replaces_are_named(contract: Contract) -> None:
    other = "cd" * 32
    found = summary_of(contract, next_of(contract, previous=(BEFORE, other)))
    assert found.version is not None
    assert other in found.version.text
    assert BEFORE not in found.version.text


def test_a_changed_part_of_a_party_or_its_keys_is_not_hidden(contract: Contract) -> None:
    parties = list(contract.parties)
    parties[0] = parties[0].model_copy(update={"role": "council"})
    keys = dict(contract.governance_keys)
    keys[parties[1].id] = keys[parties[2].id]
    after = next_of(contract, parties=tuple(parties), governance_keys=keys)
    paths = {one.path for line in summary_of(contract, after).lines for one in line.changes}
    assert f"parties.{parties[0].id}.role" in paths
    assert any(path.startswith(f"governance_keys.{parties[1].id}") for path in paths)


def test_a_record_that_an_older_version_had_keeps_a_line(contract: Contract) -> None:
    first = contract.version_record[0].model_copy(update={"change": "Another text."})
    after = next_of(contract)
    after = after.model_copy(update={"version_record": (first, after.version_record[-1])})
    paths = [one.path for line in summary_of(contract, after).lines for one in line.changes]
    assert any(path.startswith("version_record.") for path in paths)
