"""Commands `directory coverage`, `export` and `import`."""

from __future__ import annotations

import csv
import io
import json
from xml.etree import ElementTree as ET

import pytest

from broker.clock import now_ms
from broker.event import uuid_text
from broker.store.rows import ReferralRow
from broker.store.transaction import Transaction
from contracts.durations import DAY_MS
from tests.support.listings import FILE
from tests.support.recorded_referrals import Referring

OWN = "haven-support"
CAMDEN = "E09000007"


@pytest.fixture
def folder(world, cli):
    """The charity's folder, with its services published."""
    world.without_state(OWN)
    world.store(OWN).close()
    directory = world.directory(OWN)
    (directory / "directory.yaml").write_text(FILE)
    assert cli("directory", "publish", "--agency", directory).code == 0
    return directory


def test_coverage_is_a_table_a_csv_and_a_grid(cli, folder, tmp_path) -> None:
    table, grid = tmp_path / "coverage.csv", tmp_path / "coverage.svg"
    done = cli("directory", "coverage", "--agency", folder, "--csv", table, "--svg", grid)
    assert done.code == 0, done.err
    advocacy = next(line for line in done.lines if line.split()[:2] == ["need", "advocacy"])
    assert advocacy.split()[2:5] == ["32", "1", "0"]
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    (camden,) = [one for one in rows if (one["code"], one["area"]) == ("advocacy", CAMDEN)]
    assert camden["agencies"] == OWN
    assert ET.fromstring(grid.read_text()).get("role") == "img"
    cells = cli("directory", "coverage", "--agency", folder, "--json").json["cells"]
    assert len(cells) == len(rows)


def test_a_referral_without_an_answer_is_the_wait(cli, folder, world) -> None:
    store = world.store(OWN)
    with store.transaction() as tx:
        waiting(tx, "r0", "referrer", days=5)
        waiting(tx, "r1", "referrer", days=6, due=None)
        waiting(tx, "r2", "fulfiller", days=7)
    store.close()
    assert longest_waits(cli, folder, "advocacy") == {CAMDEN: 5}


def test_a_wait_is_in_the_borough_and_for_the_need_that_the_referral_states(
    cli, folder, world
) -> None:
    text = FILE.replace(f"areas: [{CAMDEN}]", "areas: [E12000007]")
    (folder / "directory.yaml").write_text(text)
    assert cli("directory", "publish", "--agency", folder).code == 0
    store = world.store(OWN)
    with store.transaction() as tx:
        sent = Referring(tx, world.participant(OWN))
        sent.made(1, OWN)  # advocacy in Camden
        sent.write()
        waiting(tx, uuid_text((1).to_bytes(16, "big")), "referrer", days=20)
    store.close()
    assert longest_waits(cli, folder, "advocacy") == {CAMDEN: 20}
    assert longest_waits(cli, folder, "emotional_support") == {}


def waiting(tx: Transaction, referral: str, role: str, *, days: int, due: int | None = 1) -> None:
    """Keep a referral that nobody has answered."""
    now = now_ms()
    tx.referrals.save(
        ReferralRow(
            referral_id=referral, case_id="c", role=role, counterparty=OWN,
            status="requested", business_status=None, version=1,
            made_ms=now - days * DAY_MS, acknowledge_by_ms=None,
            respond_by_ms=due, updated_ms=now, closed=False, event_source="",
            event_id=f"e{referral}",
        )
    )  # fmt: skip


def longest_waits(cli, folder, code: str) -> dict[str, int]:
    """Return the days by area, without those in which none waits."""
    cells = cli("directory", "coverage", "--agency", folder, "--json").json["cells"]
    found = {one["area"]: one["longest_wait_days"] for one in cells if one["code"] == code}
    return {area: days for area, days in found.items() if days is not None}


def test_services_go_out_and_come_back(cli, folder, tmp_path) -> None:
    feed = tmp_path / "feed.json"
    done = cli("directory", "export", "--agency", folder, "--open-referral", feed)
    assert done.code == 0, done.err
    page = json.loads(feed.read_text())
    assert [one["name"] for one in page["contents"]] == ["Emotional support", "Safe home"]
    text = tmp_path / "directory.yaml"
    done = cli("directory", "import", "--agency", folder, "--open-referral", feed, "-o", text)
    assert done.code == 0, done.err
    (folder / "directory.yaml").write_text(text.read_text())
    assert cli("directory", "publish", "--agency", folder).code == 0


def test_services_without_our_codes_are_named(cli, folder, tmp_path) -> None:
    feed = tmp_path / "feed.json"
    feed.write_text('[{"id": "a", "name": "Walks", "status": "active"}]')
    done = cli("directory", "import", "--agency", folder, "--open-referral", feed)
    assert done.code == 0
    assert "walks" in done.err


def test_another_file_and_a_missing_one_are_refused(cli, folder, tmp_path) -> None:
    feed = tmp_path / "feed.json"
    words = ("directory", "import", "--agency", folder, "--open-referral", feed)
    cli(*words).require_failure("open_referral_unreadable", 2)
    feed.write_text("{")
    cli(*words).require_failure("open_referral_invalid", 2)


def test_nothing_goes_out_before_something_is_published(cli, world, tmp_path) -> None:
    world.without_state(OWN)
    world.store(OWN).close()
    feed = tmp_path / "feed.json"
    done = cli("directory", "export", "--agency", world.directory(OWN), "--open-referral", feed)
    done.require_failure("listing_missing", 1)
    assert not feed.exists()
