"""Commands `directory search` and `partnership ready`."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from broker.clock import now_ms
from broker.directory.listing import (
    Capacity,
    Listing,
    Readable,
    format_listing,
)
from broker.directory.readable import readable_versions
from contracts.durations import DAY_MS
from tests.support.held_listing import hold_listing
from tests.support.listings import FILE, listing, service
from tests.support.recorded_referrals import Referring

OWN, CENTRE = "csu-camden", "haven-support"
CAMDEN = "E09000007"
AGREEMENT = "london-hate-crime"


class Reader:
    """The police's folder, and listings of partners in its state."""

    def __init__(self, world) -> None:
        self.world = world
        world.without_state(OWN)
        world.store(OWN).close()
        self.folder = world.directory(OWN)

    def holds(self, agency: str, content: Listing) -> None:
        """Keep a listing that the partner has signed."""
        now = now_ms()
        partner = self.world.participant(agency)
        hold_listing(self.folder, partner, format_listing(content), now)

    def reads(self) -> Readable:
        return readable_versions(self.world.participant(OWN).contracts)

    def parties(self) -> list[str]:
        (signed,) = self.world.participant(OWN).contracts.trusted()
        return [party.id for party in signed.contract.parties]

    def version(self) -> str:
        (signed,) = self.world.participant(OWN).contracts.trusted()
        return str(signed.contract.version)


@pytest.fixture
def reader(world) -> Reader:
    return Reader(world)


def test_partners_and_known_agencies_are_found_with_reasons(cli, reader: Reader) -> None:
    now = now_ms()
    free = Capacity(state="capacity", places=4, as_of=now - 2 * DAY_MS, expires=now + DAY_MS)
    reader.holds(CENTRE, listing(service(needs=("advocacy",), capacity=free)))
    (reader.folder / "directory.yaml").write_text(FILE)
    done = cli(
        "directory", "search", "--agency", reader.folder, "--need", "advocacy",
        "--area", CAMDEN, "--strand", "race", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.json["query"] == {"need": "advocacy", "area": CAMDEN, "strand": "race"}
    first, last = done.json["results"]
    assert (first["agency"], first["connected"]) == (CENTRE, True)
    assert (first["capacity"]["state"], first["capacity"]["places"]) == ("capacity", 4)
    assert first["capacity"]["age_days"] == 2
    assert [one["code"] for one in first["reasons"]] == ["need", "area", "strand_any"]
    assert (last["agency"], last["connected"]) == ("kitebridge", False)
    assert last["invite"]
    (reader.folder / "directory.yaml").write_text(without_invitation(FILE))
    words = ("directory", "search", "--agency", reader.folder, "--need", "advocacy", "--json")
    assert "joining-a-partnership" in cli(*words).json["results"][-1]["invite"]
    assert "cps-london" in {one["agency"] for one in done.json["silent"]}
    assert CENTRE not in {one["agency"] for one in done.json["silent"]}
    words = cli("directory", "search", "--agency", reader.folder)
    assert words.code == 0
    assert CENTRE in words.text


def without_invitation(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if "invite:" not in line)


@pytest.mark.parametrize("name", ["Camden", "camden", CAMDEN])
def test_an_area_is_given_by_its_name_or_its_code(cli, reader: Reader, name: str) -> None:
    reader.holds(CENTRE, listing(service(needs=("advocacy",))))
    done = cli("directory", "search", "--agency", reader.folder, "--area", name, "--json")
    assert (done.code, done.json["query"]["area"], done.json["area_name"]) == (0, CAMDEN, "Camden")
    words = cli("directory", "search", "--agency", reader.folder, "--area", name)
    assert f"Camden ({CAMDEN})" in words.text


def test_an_area_without_a_known_name_is_searched_by_its_code(cli, reader: Reader) -> None:
    far = "W06000015"
    reader.holds(CENTRE, listing(service(areas=(far,))))
    done = cli("directory", "search", "--agency", reader.folder, "--area", far, "--json")
    assert [one["agency"] for one in done.json["results"]] == [CENTRE]
    assert done.json["area_name"] == far


def test_an_empty_result_names_only_options_that_were_given(cli, reader: Reader) -> None:
    words = cli("directory", "search", "--agency", reader.folder, "--need", "advocacy")
    assert words.code == 0
    assert "--need" in words.text
    assert "--area" not in words.text


def test_a_result_says_within_which_time_the_partner_answered_us(cli, reader: Reader) -> None:
    reader.holds(CENTRE, listing())
    store = reader.world.store(OWN)
    with store.transaction() as tx:
        police = Referring(tx, reader.world.participant(OWN))
        police.made(4, CENTRE, "accepted", 3)
        police.made(2, CENTRE)
        police.write()
    store.close()
    (one,) = cli("directory", "search", "--agency", reader.folder, "--json").json["results"]
    assert one["expected_answer"] == {"within": "within-4-hours", "referrals": 6}
    words = cli("directory", "search", "--agency", reader.folder)
    assert "within 4 hours" in words.text


def test_a_fact_that_was_changed_in_the_state_is_store_corrupt(cli, reader: Reader) -> None:
    reader.holds(CENTRE, listing())
    store = reader.world.store(OWN)
    with store.transaction() as tx:
        police = Referring(tx, reader.world.participant(OWN))
        police.made(1, CENTRE)
        police.write()
    store.close()
    with closing(sqlite3.connect(reader.folder / "state" / "concordant.db")) as connection:
        changed = connection.execute("UPDATE figure_referral_facts SET content = zeroblob(60)")
        assert changed.rowcount > 0
        connection.commit()
    done = cli("directory", "search", "--agency", reader.folder, "--json")
    assert (done.code, "store_corrupt" in done.err) == (3, True)


def test_a_partner_that_was_asked_rarely_has_no_expected_time(cli, reader: Reader) -> None:
    reader.holds(CENTRE, listing())
    (one,) = cli("directory", "search", "--agency", reader.folder, "--json").json["results"]
    assert one["expected_answer"] is None


def test_an_expired_capacity_is_unknown_in_results(cli, reader: Reader) -> None:
    now = now_ms()
    old = Capacity(state="capacity", places=4, as_of=now - 9 * DAY_MS, expires=now - 2 * DAY_MS)
    reader.holds(CENTRE, listing(capacity=old))
    (one,) = cli("directory", "search", "--agency", reader.folder, "--json").json["results"]
    assert (one["capacity"]["state"], one["capacity"]["age_days"]) == ("unknown", 9)
    assert "places" not in one["capacity"]


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("--need", "advocaty", "code_unknown"),
        ("--strand", "races", "code_unknown"),
        ("--area", "Camdn", "area_invalid"),
        ("--area", "E0900000", "area_invalid"),
    ],
)
def test_an_unknown_code_is_refused(cli, reader: Reader, option, value, code) -> None:
    done = cli("directory", "search", "--agency", reader.folder, option, value)
    done.require_failure(code, 2)


def ready(cli, reader: Reader, *more: str):
    words = ("partnership", "ready", AGREEMENT, "--version", reader.version())
    return cli(*words, "--agency", reader.folder, *more)


def test_all_are_ready_if_each_has_stated_the_vocabulary(cli, reader: Reader) -> None:
    for agency in reader.parties():
        if agency != OWN:
            reader.holds(agency, Listing(reads=reader.reads()))
    assert ready(cli, reader).code == 0
    assert ready(cli, reader, "--json").json["ready"] is True


def test_each_party_that_cannot_or_is_silent_has_a_line(cli, reader: Reader) -> None:
    (signed,) = reader.world.participant(OWN).contracts.trusted()
    pinned = signed.contract.pins.vocabulary
    full = reader.reads()
    others = tuple(one for one in full.vocabularies if one.hash != pinned)
    lacking, old, silent = [one for one in reader.parties() if one != OWN][:3]
    for agency in reader.parties():
        if agency not in {OWN, silent}:
            reader.holds(agency, Listing(reads=full))
    reader.holds(lacking, Listing(reads=full.model_copy(update={"vocabularies": others})))
    reader.holds(old, Listing(reads=full.model_copy(update={"formats": ("concordant/1",)})))
    done = ready(cli, reader)
    assert done.code == 1
    assert [line.partition(":")[0] for line in done.lines] == [lacking, old, silent]
    told = ready(cli, reader, "--json")
    assert (told.code, told.json["ready"]) == (1, False)
    parties = {one["agency"]: one for one in told.json["parties"]}
    assert parties[silent]["software"] is None
    assert parties[OWN]["ready"] is True


def test_types_and_lists_that_an_older_vocabulary_lacks_are_named(cli, reader: Reader) -> None:
    full = reader.reads()
    (signed,) = reader.world.participant(OWN).contracts.trusted()
    pinned = signed.contract.pins.vocabulary
    older = tuple(
        one.model_copy(
            update={
                "hash": "0" * 64,
                "types": tuple(kind for kind in one.types if kind != "correction.made"),
                "lists": one.lists | {"borough": "2001-01-01"},
            }
        )
        if one.hash == pinned
        else one
        for one in full.vocabularies
    )
    for agency in reader.parties():
        if agency != OWN:
            reads = full.model_copy(update={"vocabularies": older})
            reader.holds(agency, Listing(reads=reads if agency == CENTRE else full))
    (line,) = ready(cli, reader).lines
    assert line.startswith(f"{CENTRE}:")
    assert "correction.made" in line
    assert "borough" in line


def test_a_version_that_is_not_here_is_refused(cli, reader: Reader) -> None:
    done = cli("partnership", "ready", AGREEMENT, "--version", "9.9.9", "--agency", reader.folder)
    done.require_failure("contract_unknown", 2)
