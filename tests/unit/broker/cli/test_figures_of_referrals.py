"""Command `figures --of referrals`: outcomes, response times, hidden numbers, and factors."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from broker.clock import now_ms
from broker.figures.counting import last_quarters
from broker.operations import figures
from broker.store.database import open_store
from tests.support.recorded_referrals import Referring

AGENCY, POLICE, COUNCIL = "haven-support", "csu-camden", "council-camden"


@pytest.fixture
def folder(world) -> Path:
    """The charity sent 43 referrals 20 days ago; three of them have answers of their own."""
    world.without_state(AGENCY)
    world.store(AGENCY).close()
    store = open_store(world.directory(AGENCY) / "state" / "concordant.db")
    with store.transaction() as tx:
        charity = Referring(tx, world.participant(AGENCY))
        charity.made(20, POLICE, "accepted", 3)
        charity.made(10, POLICE, "accepted", 100)
        charity.made(3, POLICE, "rejected", 3, "no_capacity")
        charity.made(10, COUNCIL)
        charity.write()
    store.close()
    return world.directory(AGENCY)


def quarter() -> str:
    """The quarter in which they were sent."""
    return last_quarters(now_ms() - 20 * 86_400_000, 1)[0].name


def asked(folder: Path, by: str, *more: object, of: str = "referrals") -> tuple[object, ...]:
    options = ("--agency", folder, "--period", quarter(), "--by", by, "--of", of, "--incomplete")
    return ("figures", *options, *more)


def cells(found) -> dict[str, int | None]:
    return {"/".join(one["by"].values()): one["referrals"] for one in found["cells"]}


def test_referrals_are_counted_by_recipient_and_small_outcomes_are_hidden(cli, folder) -> None:
    done = cli(*asked(folder, "status", "--json"))
    assert done.code == 0, done.err
    found = done.json
    assert (found["counted"], found["by"]) == ("referrals", ["status"])
    shown = cells(found)
    assert shown["rejected"] is None
    assert shown["completed"] == 0
    assert found["totals"] == {"referrals": 45, "without_consent": 0}
    (source,) = found["sources"]
    assert (source["source"], source["agencies"]) == ("support", [AGENCY])


def test_a_median_is_the_bucket_that_shown_numbers_give(cli, folder) -> None:
    found = cli(*asked(folder, "answered", "--json")).json
    assert cells(found)["within-4-hours"] == 25
    assert found["times"] == [
        {"time": "answered", "by": {}, "median": "within-4-hours", "percentile_90": "not-yet"}
    ]


def test_no_median_follows_from_a_hidden_number(cli, folder, world) -> None:
    store = open_store(folder / "state" / "concordant.db")
    with store.transaction() as tx:
        charity = Referring(tx, world.participant(AGENCY), first=100)
        charity.made(2, POLICE, "accepted", 1)
        charity.write()
    store.close()
    found = cli(*asked(folder, "answered", "--json")).json
    assert cells(found)["within-1-hour"] is None
    assert found["times"] == [{"time": "answered", "by": {}, "median": None, "percentile_90": None}]


def test_times_by_recipient_are_told_in_words(cli, folder) -> None:
    done = cli(*asked(folder, "recipient,acknowledged_in_time"))
    assert done.code == 0, done.err
    assert "All referrals" in done.text
    assert "Not counted, because they" in done.text


def test_releases_of_cases_and_of_referrals_are_remembered_apart(cli, folder) -> None:
    referrals = cli(*asked(folder, "borough", "--json")).json
    cases = cli(*asked(folder, "borough", "--json", of="cases")).json
    again = cli(*asked(folder, "borough", "--json")).json
    assert {**again, "signed": None} == {**referrals, "signed": None}  # each states its own time
    assert cases["counted"] == "cases"
    assert [one["cases"] for one in cases["cells"] if one["cases"]] == [45]


def test_csv_and_metadata_name_what_is_counted(cli, folder, tmp_path) -> None:
    file = tmp_path / "referrals.csv"
    assert cli(*asked(folder, "recipient", "--csv", "--output", file)).code == 0
    (first, *_) = csv.DictReader(io.StringIO(file.read_text()))
    assert set(first) == {"recipient", "recipient_label", "referrals", "suppressed", "kept"}


def test_the_factors_of_all_cases_stand_beside_the_cases(cli, folder) -> None:
    found = cli(*asked(folder, "strand", "--json", of="cases")).json
    assert found["totals"]["cases"] == 45
    assert found["totals"]["factors"] == {"strand": 90}
    assert any(
        line.startswith("All values of") and line.endswith("90")
        for line in cli(*asked(folder, "strand", of="cases")).lines
    )


def test_a_dimension_of_cases_is_dimension_unknown(cli, folder) -> None:
    done = cli(*asked(folder, "strand"))
    assert (done.code, "dimension_unknown" in done.err) == (2, True)


def test_an_agreement_that_counts_no_referrals_is_referrals_not_counted(
    cli, folder, monkeypatch
) -> None:
    monkeypatch.setattr(figures, "counted_referrals", lambda _: None)
    done = cli(*asked(folder, "status"))
    assert (done.code, "referrals_not_counted" in done.err) == (2, True)
