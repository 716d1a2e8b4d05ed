"""Command `figures`: releases of a quarter, their forms, and what a later release may show."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broker import pseudonyms
from broker.clock import now_ms
from broker.event import uuid_text
from broker.figures.counting import parse_period
from broker.figures.disclosure import UnprotectedError, work_limits
from broker.figures.recording import FactRecorder
from broker.operations import figures
from broker.releases import release_notes
from broker.store.database import open_store
from contracts.events import PlainEvent
from tests.support.csvw import csvw_faults

AGENCY = "haven-support"
SVG = "{http://www.w3.org/2000/svg}"


def quarter(ahead: int = 0) -> str:
    now = datetime.fromtimestamp(now_ms() / 1000, UTC)
    number = now.year * 4 + (now.month - 1) // 3 + ahead
    return f"{number // 4}-Q{number % 4 + 1}"


def record(
    world,
    number: int,
    borough: str,
    strands: list[str],
    *,
    consent: bool = True,
    period: str = "",
    event: int | None = None,
) -> None:
    """Record an own report, or another event about its case, as its transaction does."""
    time_ms = parse_period(period).first_ms if period else now_ms()
    participant = world.participant(AGENCY)
    secret, now = participant.keyring.secret(), now_ms()
    contract = participant.contracts_in_force(now)[0].signed.contract
    case = uuid_text(number.to_bytes(16, "big"))
    incident = {"record_type": "hate_crime", "borough": borough, "strands": strands}
    data = {"case_id": case, "incident": incident, "consent": {"statistics": consent}}
    store = open_store(world.directory(AGENCY) / "state" / "concordant.db")
    with store.transaction() as tx:
        facts = FactRecorder(tx, secret, AGENCY)
        said = PlainEvent("referral.made", ("csu-camden",), data)
        event_id = uuid_text((event or number).to_bytes(16, "big"))
        facts.published(said, contract, event_id, pseudonyms.case_key(secret, case), time_ms)
        facts.write()
    store.close()


@pytest.fixture
def folder(world) -> Path:
    """The charity has 32 cases of a quarter, three of them in a borough of their own."""
    world.without_state(AGENCY)
    world.store(AGENCY).close()
    for number in range(20):
        record(world, number, "E09000007", ["race"])
    for number in range(20, 29):
        record(world, number, "E09000023", ["religion", "race"])
    for number in range(29, 32):
        record(world, number, "E09000001", ["disability"])
    record(world, 99, "E09000007", ["race"], consent=False)
    return world.directory(AGENCY)


def asked(folder: Path, by: str = "borough", *more: object, period: str = "") -> tuple[object, ...]:
    """A table that is published although its quarter is incomplete."""
    asked = ("--agency", folder, "--period", period or quarter(), "--by", by)
    return ("figures", *asked, "--incomplete", *more)


def cells(answer) -> dict[str, int | None]:
    return {"/".join(one["by"].values()): one["cases"] for one in answer["cells"]}


def test_unique_cases_are_rounded_and_small_numbers_hidden(cli, folder) -> None:
    done = cli(*asked(folder, "borough", "--json"))
    assert done.code == 0, done.err
    found = done.json
    assert (found["period"], found["threshold"], found["by"]) == (quarter(), 5, ["borough"])
    assert cells(found)["E09000007"] == 20
    assert cells(found)["E09000001"] is None
    hidden = [one for one in found["cells"] if one["cases"] is None]
    assert {one["suppressed"] for one in hidden} <= {"primary", "secondary"}
    assert found["totals"]["without_consent"] is None
    (source,) = found["sources"]
    assert (source["source"], source["agencies"]) == ("support", [AGENCY])
    assert AGENCY not in found["agencies_not_counted"]
    assert found["seen_by_several"] is None  # no party tallies
    assert set(found["counts"]) == {AGENCY}
    assert found["notes"]
    assert f"{source['share_percent']} %" in found["coverage"]


def test_a_case_with_two_strands_counts_for_both_and_once_in_all(cli, folder) -> None:
    found = cli(*asked(folder, "strand", "--json")).json
    shown = cells(found)
    assert shown["race"] == 30
    assert found["totals"]["cases"] in (30, None)


def test_the_same_request_gives_the_same_release_and_is_remembered_once(cli, folder) -> None:
    first, again = (cli(*asked(folder, "borough", "--json")).json for _ in range(2))
    assert first.pop("signed") != again.pop("signed")  # each states when it was made
    assert first == again
    store = open_store(folder / "state" / "concordant.db")
    with store.reading() as tx:
        contents = [one.content for one in tx.figure_releases.of(first["agreement"], quarter())]
    store.close()
    assert len(contents) == 1
    assert b"E09000001" not in contents[0]


def test_no_later_release_shows_a_change_of_a_few_cases(cli, folder, world) -> None:
    before = cli(*asked(folder, "borough", "--json")).json
    for number in range(40, 43):
        record(world, number, "E09000007", ["race"])
    after = cli(*asked(folder, "borough", "--json")).json
    assert cells(after)["E09000007"] == cells(before)["E09000007"]


def test_csv_has_every_cell_and_metadata_beside_it(cli, folder, tmp_path) -> None:
    file = tmp_path / "figures.csv"
    done = cli(*asked(folder, "borough,strand", "--csv", "--output", file))
    assert done.code == 0, done.err
    rows = list(csv.DictReader(io.StringIO(file.read_text())))
    metadata = json.loads((tmp_path / "figures.csv-metadata.json").read_text())
    names = [column["name"] for column in metadata["tableSchema"]["columns"]]
    assert names == list(rows[0])
    assert metadata["url"] == "figures.csv"
    assert metadata["rdfs:comment"][0].startswith("Sources: ")
    assert metadata["tableSchema"]["primaryKey"] == ["borough", "strand"]
    metadata.pop("signed")
    found = list(csvw_faults(file.read_text(), metadata, file.name))
    assert found == []
    pairs = Counter((row["borough"], row["strand"]) for row in rows)
    assert set(pairs.values()) == {1}
    assert all((row["cases"] == "") == (row["suppressed"] != "") for row in rows)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("E09000007,", ","),
        (",20,", ",20.5,"),
        (",20,", ",-20,"),
        (",primary,", ",hidden,"),
        (",false", ",no"),
        ("borough,borough_label", "borough_label,borough"),
        ("E09000007,", "E09000001,"),
    ],
)
def test_a_table_that_its_metadata_does_not_describe_is_found(
    cli, folder, tmp_path, old: str, new: str
) -> None:
    file = tmp_path / "figures.csv"
    assert cli(*asked(folder, "borough", "--csv", "--output", file)).code == 0
    metadata = json.loads((tmp_path / "figures.csv-metadata.json").read_text())
    metadata.pop("signed")
    table = file.read_text()
    assert old in table
    assert list(csvw_faults(table, metadata, file.name)) == []
    assert list(csvw_faults(table.replace(old, new, 1), metadata, file.name))
    assert list(csvw_faults(table, metadata | {"column": 1}, file.name))


def test_withdrawn_consent_leaves_the_next_release_if_the_change_is_large(
    cli, folder, world
) -> None:
    """60 cases of Camden: two withdrawals would show by difference, so they wait for more."""
    for case in range(100, 140):
        record(world, case, "E09000007", ["race"])
    shown = []
    for number in (0, 2, 30):
        for case in range(100, 100 + number):
            record(world, case, "E09000007", ["race"], consent=False, event=1000 + case)
        found = cli(*asked(folder, "borough", "--json")).json
        shown.append((cells(found)["E09000007"], found["totals"]["cases"]))
    assert shown == [(60, 70), (60, 70), (30, 40)]


def test_a_plot_tells_every_number_in_words(cli, folder, tmp_path) -> None:
    file = tmp_path / "figures.svg"
    assert cli(*asked(folder, "borough", "--svg", file)).code == 0
    plot = ET.fromstring(file.read_text())
    assert plot.get("role") == "img"
    described = plot.find(f"{SVG}desc")
    assert described is not None
    assert "Camden: 20" in (described.text or "")
    assert "City of London: hidden" in (described.text or "")
    assert {f"{SVG}title", f"{SVG}desc"} <= {one.tag for one in plot}


def test_a_page_needs_no_other_file(cli, folder, tmp_path) -> None:
    file = tmp_path / "figures.html"
    assert cli(*asked(folder, "borough", "--html", file)).code == 0
    page = file.read_text()
    assert "<script" not in page
    assert "src=" not in page
    assert "href=" not in page
    assert '<th scope="row">Camden</th>' in page
    assert "<svg" in page


def test_a_table_for_people_has_rows_with_cases_and_notes(cli, folder) -> None:
    done = cli(*asked(folder))
    assert any(line.startswith("Camden") and line.endswith("20") for line in done.lines)
    assert not any(line.startswith("Barnet") for line in done.lines)
    assert "Sources: " in done.text


def test_the_notes_say_that_rows_without_cases_are_left_out(cli, folder) -> None:
    release = cli(*asked(folder, "borough", "--json")).json
    assert any(one["cases"] == 0 for one in release["cells"])
    assert release_notes._LEFT_OUT_ROWS["cases"] in release["notes"]


@pytest.mark.parametrize(
    "options",
    [
        ("--json", "--csv"),
        ("--html", "one", "--svg", "one"),
        ("--csv", "--output", "one", "--svg", "one"),
        ("--html", "one", "--output", "other"),
    ],
)
def test_options_that_exclude_each_other_publish_nothing(
    cli, folder, tmp_path, options: tuple[str, ...]
) -> None:
    files = {"one": str(tmp_path / "one"), "other": str(tmp_path / "other")}
    done = cli(*asked(folder, "borough", *(files.get(one, one) for one in options)))
    assert done.code == 2
    assert not any(Path(one).exists() for one in files.values())


def test_a_dimension_of_another_name_is_dimension_unknown(cli, folder) -> None:
    done = cli(*asked(folder, "boroughs"))
    assert (done.code, "dimension_unknown" in done.err) == (2, True)


@pytest.mark.parametrize("by", ["borough,borough", "borough,strand,charge,outcome", ","])
def test_too_many_dimensions_or_one_twice_are_dimensions_wrong(cli, folder, by: str) -> None:
    done = cli(*asked(folder, by))
    assert (done.code, "dimensions_wrong" in done.err) == (2, True)


def test_a_later_quarter_is_period_ahead(cli, folder) -> None:
    done = cli(*asked(folder, period=quarter(1)))
    assert (done.code, "period_ahead" in done.err) == (2, True)


def test_a_malformed_quarter_is_refused(cli, folder) -> None:
    done = cli(*asked(folder, period="2026"))
    assert (done.code, "period_malformed" in done.err) == (2, True)


def test_an_agreement_that_counts_nothing_is_statistics_missing(cli, folder, monkeypatch) -> None:
    monkeypatch.setattr(figures, "case_figures", lambda _: None)
    done = cli(*asked(folder))
    assert (done.code, "statistics_missing" in done.err) == (2, True)


def test_an_agreement_of_another_name_is_refused(cli, folder) -> None:
    done = cli(*asked(folder, "borough", "--contract", "another"))
    assert (done.code, "contract_unknown" in done.err) == (2, True)


def test_a_table_that_no_hiding_makes_safe_is_figures_unprotected(cli, folder, monkeypatch) -> None:
    """Such counts are in `disclosure/test_history.py`; here, what a person sees of them."""

    def unsafe(*_: object) -> None:
        raise UnprotectedError

    with monkeypatch.context() as patched:
        patched.setattr(figures, "publish", unsafe)
        done = cli(*asked(folder))
    assert (done.code, "figures_unprotected" in done.err) == (2, True)
    assert cli(*asked(folder, "strand")).code == 0


@pytest.mark.parametrize("limit", ["MOST_CELLS", "MOST_NUMBERS", "MOST_WORK"])
def test_a_table_that_takes_too_much_work_is_figures_too_large(
    cli, folder, monkeypatch, limit: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(work_limits, limit, 50)
        done = cli(*asked(folder, "borough,strand", "--json"))
    assert (done.code, "figures_too_large" in done.err) == (2, True)
    assert cli(*asked(folder, "borough,strand", "--json")).code == 0


def test_a_vocabulary_that_lost_a_value_of_an_earlier_table_is_figures_unprotected(
    cli, folder, monkeypatch
) -> None:
    assert cli(*asked(folder, "borough")).code == 0
    publish = figures.publish

    def without_borough(counts, contract, found, *more):
        left = {name: one for name, one in found.dimensions.items() if name != "borough"}
        return publish(counts, contract, replace(found, dimensions=left), *more)

    monkeypatch.setattr(figures, "publish", without_borough)
    done = cli(*asked(folder, "strand"))
    assert (done.code, "figures_unprotected" in done.err, "borough" in done.err) == (2, True, True)
