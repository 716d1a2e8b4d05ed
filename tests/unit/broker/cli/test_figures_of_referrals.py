"""Command `figures --of referrals`: outcomes, response times, hidden numbers, and factors."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from broker import pseudonyms
from broker.agency.participant import Participant
from broker.clock import now_ms
from broker.event import OpenedEvent, uuid_text
from broker.figures.counting import last_quarters
from broker.figures.recording import FactRecorder
from broker.operations import figures
from broker.store.database import open_store
from broker.store.transaction import Transaction
from contracts.events import PlainEvent

AGENCY, POLICE, COUNCIL = "haven-support", "csu-camden", "council-camden"
HOUR_S = 3600


class Referring:
    """Referrals of the charity as the transactions of its adapter record them."""

    def __init__(self, tx: Transaction, participant: Participant) -> None:
        self._secret = participant.keyring.secret()
        self._contract = participant.contracts_in_force(now_ms())[0].signed.contract
        self._facts = FactRecorder(tx, self._secret, AGENCY)
        self._serial = 0

    def made(
        self, number: int, to: str, status: str = "", after_hours: int = 1, reason: str = ""
    ) -> None:
        """Record referrals, and the answer of each if it has one."""
        now = now_ms()
        for _ in range(number):
            self._serial += 1
            case = uuid_text(self._serial.to_bytes(16, "big"))
            key = pseudonyms.case_key(self._secret, case)
            data = {
                "case_id": case, "referral_id": case, "requested_service": "advocacy",
                "incident": {"borough": "E09000007", "strands": ["race", "religion"]},
                "consent": {"statistics": True},
            }  # fmt: skip
            event = PlainEvent("referral.made", (to,), data)
            sent_ms = now - 20 * 86_400_000
            self._facts.published(event, self._contract, case, key, sent_ms)
            if status:
                flat = {
                    "case_id": case, "referral_id": case, "version": 2, "status": status,
                    "previous_status": "requested", **({"reason": reason} if reason else {}),
                }  # fmt: skip
                answer = OpenedEvent(
                    id=uuid_text(self._serial.to_bytes(15, "big") + b"\1"), source=to,
                    type="referral.status-changed", time="", to=(AGENCY,), flat=flat, withheld=(),
                    log_time=sent_ms // 1000 + after_hours * HOUR_S,
                )  # fmt: skip
                self._facts.received(answer, self._contract, key, now)

    def write(self) -> None:
        self._facts.write()


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
    options = ("--agency", folder, "--period", quarter(), "--by", by, "--of", of)
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
        charity = Referring(tx, world.participant(AGENCY))
        charity._serial = 100
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
    assert "of the agreement are not counted" in done.text


def test_releases_of_cases_and_of_referrals_are_remembered_apart(cli, folder) -> None:
    referrals = cli(*asked(folder, "borough", "--json")).json
    cases = cli(*asked(folder, "borough", "--json", of="cases")).json
    assert referrals == cli(*asked(folder, "borough", "--json")).json
    assert cases["counted"] == "cases"
    assert [one["cases"] for one in cases["cells"] if one["cases"]] == [45]


def test_csv_and_metadata_name_what_is_counted(cli, folder, tmp_path) -> None:
    file = tmp_path / "referrals.csv"
    assert cli(*asked(folder, "recipient", "--csv", "--output", file)).code == 0
    (first, *_) = csv.DictReader(io.StringIO(file.read_text()))
    assert set(first) == {"recipient", "recipient_label", "referrals", "suppressed"}


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
