"""Whatever is put aside shows in `status`, in a metric, in an alert, and is tried again."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from adapters.base import AgencySystem, MappingError
from adapters.council import ADAPTER
from adapters.delivery import InboxDelivery
from adapters.sinks.folder_sink import FolderSink
from adapters.sources.shelving import shelve, write_beside
from broker.agency.participant import LoadedAgency
from broker.cli.operator_name import actor
from broker.clock import now_ms
from broker.control.watch import Watch
from broker.errors import RefusedError, StoreError
from broker.held import import_folder
from broker.held.items import KINDS
from broker.held.quarantine_folder import file_id
from broker.held.reason_file import FileReason, RowReason, format_reason
from broker.judging.key_resolver import TrustStore
from broker.observing.metrics import HeldKind, Metrics
from broker.operations.discarding import Discarding, Wanted
from broker.record import Record
from broker.store.rows import NewOutboxRow
from broker.tlog.checkpoint import Origin, Place

SENDER, READER = "csu-camden", "council-camden"
MINUTE = 60_000
TOPIC = "pan-london.london-hate-crime.a"


def folder(world, name: str) -> Path:
    return world.directory(READER) / name


def put_aside_record(world, cli) -> None:
    (key,) = world.directory(READER).glob("keys/exchange-*")
    away = key.rename(key.with_suffix(".away"))
    world.receive(READER, *world.live(SENDER, referral(world, cli)))
    away.rename(key)


def put_aside_event(world, cli) -> None:
    class Unmapped:
        suffixes = ADAPTER.suffixes

        def from_event(self, *_: object) -> bytes:
            raise MappingError("The code has no own code.", code="unknown_value", where="column X")

    world.receive(READER, *world.live(SENDER, referral(world, cli)))
    store = world.store(READER)
    sink = FolderSink(folder(world, "inbox"))
    InboxDelivery(AgencySystem(Unmapped(), READER, {}), store, sink, now_ms).round()  # type: ignore[arg-type]  # what delivery uses of an adapter
    store.close()


def put_aside_outbox(world, _cli) -> None:
    store = world.store(READER)
    with store.transaction() as tx:
        tx.outbox.add_many(
            [NewOutboxRow("id", "pan-london.a", 0, b"v", False)], now_ms() - 2 * MINUTE
        )[0]
    store.close()


def put_aside_deferred(world, _cli) -> None:
    store = world.store(READER)
    with store.transaction() as tx:
        tx.reader.defer(Place(SENDER, TOPIC, 0), 7, "key_unknown", now_ms())
    store.close()


def put_aside_stopped(world, _cli) -> None:
    store = world.store(READER)
    with store.transaction() as tx:
        tx.reader.defer(Place(SENDER, TOPIC, 0), 7, "equivocation", now_ms())
    store.close()


def put_aside_unconfirmed(world, _cli) -> None:
    """A record that waits for a receipt, because its sender's part has ended since."""
    record = Record(TOPIC, 0, (), b"sealed", 7)
    origin = Origin("pan-london", SENDER, TOPIC, 0, "0" * 32)
    waits = RefusedError(6, "not_heard", "it waits for a receipt")
    store = world.store(READER)
    with store.transaction() as tx:
        tx.quarantine.add(record, "[]", origin, 7, waits, now_ms(), "waiting")
    store.close()


def put_aside_file(world, _cli) -> None:
    path = folder(world, "import") / "bad.jsonl"
    path.write_bytes(b"{}")
    reason = format_reason(FileReason(path.name, "", "missing_column", "A column is missing."))
    shelve(path, folder(world, "quarantine"), "0" * 16, reason)


def put_aside_rows(world, _cli) -> None:
    rows = (RowReason(2, "invalid_date", "when", "Not a date."),)
    reason = format_reason(FileReason("a.jsonl", "", "rows_refused", "1 of the records.", rows))
    parts = {"rejected": lambda: (b"{}\n",)}
    write_beside(folder(world, "quarantine"), "a.jsonl", "0" * 16, parts, reason)


def put_aside_row(world, _cli) -> None:
    store = world.store(READER)
    with store.transaction() as tx:
        tx.refused_rows.hold("row-key", "type_unknown", None, "The type is unknown.", now_ms())
    store.close()


def put_aside_entry(world, _cli) -> None:
    (folder(world, "import") / "late.jsonl").write_bytes(b"{}")


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is not taken is shown at once, not after a minute."""
    monkeypatch.setattr(import_folder, "SHOWN_MS", 0)


def put_aside_temporary(world, _cli) -> None:
    path = folder(world, "inbox") / ".id.csv.tmp"
    path.write_bytes(b"half")
    os.utime(path, (1_000_000, 1_000_000))


Scenario = Callable[[Any, Any], None]
SCENARIOS: dict[HeldKind, tuple[Scenario, str]] = {
    "record": (put_aside_record, "opened"),
    "event": (put_aside_event, "released"),
    "outbox": (put_aside_outbox, "asked"),
    "deferred": (put_aside_deferred, "asked"),
    "stopped": (put_aside_stopped, "needs_release"),
    "unconfirmed": (put_aside_unconfirmed, "asked"),
    "file": (put_aside_file, "moved_to_import"),
    "rows": (put_aside_rows, "moved_to_import"),
    "row": (put_aside_row, "asked"),
    "entry": (put_aside_entry, "asked"),
    "temporary": (put_aside_temporary, "removed"),
}
"""Origin of each kind, and the outcome of trying it again."""


def referral(world, cli) -> dict[str, Any]:
    event = world.event(cli, SENDER, "referral.made")
    event["recipients"] = [READER, "haven-support", "csu-lewisham"]
    return event


def gauges(world) -> dict[str, float]:
    """`concordant_held` as the running adapter exposes it."""
    participant = world.participant(READER)
    metrics = Metrics()
    store = world.store(READER)
    trust = TrustStore(READER, participant.contracts, participant.manifests, participant.keyring)
    Watch(LoadedAgency(participant), store, now_ms, metrics, trust).look()
    store.close()
    return {
        sample.labels["kind"]: sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
        if sample.name == "concordant_held"
    }


def test_the_table_names_every_kind() -> None:
    assert set(get_args(HeldKind)) == set(KINDS) == set(SCENARIOS)


def test_every_series_is_there_at_zero_from_the_start(world) -> None:
    world.without_state(READER)
    assert gauges(world) == dict.fromkeys(KINDS, 0.0)
    text = Metrics().text().decode()
    for kind in KINDS:
        assert f'concordant_held{{kind="{kind}"}} 0.0' in text


@pytest.mark.parametrize("kind", SCENARIOS)
def test_it_shows_in_status_and_doctor_and_the_list(world, cli, kind: HeldKind) -> None:
    world.without_state(READER)
    world.state_of(READER)
    agency = ("--agency", world.directory(READER))
    before = {one["kind"]: one["count"] for one in cli("status", *agency, "--json").json["held"]}
    assert before == dict.fromkeys(KINDS, 0)
    SCENARIOS[kind][0](world, cli)
    done = cli("status", *agency, "--json")
    (line,) = [one for one in done.json["held"] if one["kind"] == kind]
    assert (line["count"], sum(line["codes"].values())) == (1, 1)
    assert line["oldest"]
    assert "HELD" in cli("status", *agency).text
    assert done.err, "a person is told"
    checks = [
        one
        for one in cli("doctor", *agency, "--offline", "--json").json["checks"]
        if one["name"] == "held"
    ]
    assert [one["status"] for one in checks] == ["fail" if KINDS[kind].urgent else "warn"]
    listed = cli("quarantine", "list", *agency, "--json").json
    assert [one["kind"] for one in listed] == [kind]
    assert listed[0]["code"] in line["codes"]
    text = cli("quarantine", "list", *agency)
    assert listed[0]["code"] in text.text
    assert "Zephyrine" not in text.text + done.text


@pytest.mark.parametrize("kind", SCENARIOS)
def test_it_is_in_the_metric_and_in_an_alert(world, cli, root: Path, kind: HeldKind) -> None:
    world.without_state(READER)
    SCENARIOS[kind][0](world, cli)
    assert gauges(world) == dict.fromkeys(KINDS, 0.0) | {kind: 1.0}
    rules = yaml.safe_load((Path(__file__).parents[4] / "deploy/prometheus/alerts.yml").read_text())
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    assert any(covers(expression, kind) for expression in expressions)


def covers(expression: str, kind: str) -> bool:
    """Return True if an expression is true of one item of this kind."""
    found = re.fullmatch(r'concordant_held(?:\{kind(=~|!=|=)"([^"]*)"\})? > 0', expression)
    if found is None:
        return False
    operator, value = found.groups()
    if operator is None:
        return True
    same = re.fullmatch(value, kind) is not None
    return same if operator != "!=" else not same


@pytest.mark.parametrize("kind", SCENARIOS)
def test_the_command_that_is_named_tries_it_again(world, cli, kind: HeldKind) -> None:
    world.without_state(READER)
    world.state_of(READER)
    make, outcome = SCENARIOS[kind]
    make(world, cli)
    directory = str(world.directory(READER))
    (item,) = cli("quarantine", "list", "--agency", directory, "--json").json
    done = cli("quarantine", "retry", item["id"], "--agency", directory, "--wait", "0", "--json")
    assert [(one["id"], one["outcome"]) for one in done.json] == [(item["id"], outcome)]
    assert done.code == (4 if kind == "stopped" else 0)
    command = KINDS[kind].retry.replace("ID", str(item["id"])).replace("DIR", directory)
    command = command.replace("AGENCY TOPIC PARTITION", f"{SENDER} {TOPIC} 0")
    assert cli(*command.split()[1:]).code in (0, 1, 4), "the command that is named exists"


@pytest.mark.parametrize(("kind", "noted"), [("row", True), ("deferred", False), ("entry", False)])
def test_a_retried_row_is_said_to_be_read_from_the_agencys_own_database(
    world, cli, kind: HeldKind, noted: bool
) -> None:
    world.without_state(READER)
    world.state_of(READER)
    SCENARIOS[kind][0](world, cli)
    agency = ("--agency", world.directory(READER))
    (item,) = cli("quarantine", "list", *agency, "--json").json
    done = cli("quarantine", "retry", item["id"], *agency, "--wait", "0")
    assert (done.code, "asked" in done.text) == (0, True)
    assert ("your own database" in done.err) is noted


DISCARDED: dict[HeldKind, str] = {
    "record": "discarded",
    "event": "needs_accepted",
    "outbox": "stays",
    "deferred": "stays",
    "stopped": "stays",
    "unconfirmed": "stays",
    "file": "discarded",
    "rows": "discarded",
    "row": "discarded",
    "entry": "stays",
    "temporary": "stays",
}
"""End of each kind that a person wants to discard."""


@pytest.mark.parametrize("kind", SCENARIOS)
def test_each_kind_is_discarded_or_says_what_to_do(world, cli, kind: HeldKind) -> None:
    world.without_state(READER)
    world.state_of(READER)
    SCENARIOS[kind][0](world, cli)
    agency = ("--agency", world.directory(READER))
    (item,) = cli("quarantine", "list", *agency, "--json").json
    why = ("--reason", "obsolete", "--yes", "--json")
    done = cli("quarantine", "discard", item["id"], *agency, *why)
    assert [one["outcome"] for one in done.json] == [DISCARDED[kind]]
    left = cli("quarantine", "list", *agency, "--json").json
    if DISCARDED[kind] == "discarded":
        assert (done.code, left) == (0, [])
        assert gauges(world) == dict.fromkeys(KINDS, 0.0)
        (entry,) = [one for one in log_of(world, cli) if one["kind"] == "erasure"]
        assert (entry["code"], entry["reason_text"]) == (f"{said_as(kind)}_discarded", "obsolete")
        assert entry["operator"]
    else:
        assert (done.code, left) == (4, [item])
        assert done.err.splitlines()[-1].endswith((".", "DIR", str(world.directory(READER)), "0"))
        assert [one for one in log_of(world, cli) if one["kind"] == "erasure"] == []


def said_as(kind: HeldKind) -> str:
    return "file" if kind == "rows" else kind


def log_of(world, cli) -> list[dict[str, Any]]:
    shown = cli("log", "show", "--agency", world.directory(READER), "--json")
    return list(shown.json["entries"])


def test_an_accepted_event_is_discarded_only_if_it_is_meant_and_is_on_record(world, cli) -> None:
    put_aside_event(world, cli)
    agency = ("--agency", world.directory(READER))
    (item,) = cli("quarantine", "list", *agency, "--json").json
    why = ("--reason", "sent in error", "--operator", "duty.officer", "--yes", "--json")
    done = cli("quarantine", "discard", item["id"], *agency, "--accepted-events", *why)
    assert (done.code, [one["outcome"] for one in done.json]) == (0, ["discarded"])
    assert cli("quarantine", "list", *agency, "--json").json == []
    (kept,) = cli("quarantine", "list", *agency, "--all", "--json").json
    assert (kept["status"], kept["code"]) == ("discarded", item["code"])
    refusal, erasure = log_of(world, cli)[-2:]
    assert (refusal["kind"], refusal["code"]) == ("refusal", "unknown_value")
    assert (erasure["kind"], erasure["code"]) == ("erasure", "event_discarded")
    for entry in (refusal, erasure):
        assert (entry["event"], entry["source"]) == (item["event_id"], SENDER)
        assert (entry["acting_for"], entry["reason_text"]) == ("duty.officer", "sent in error")
    inbox = cli("status", *agency, "--json").json["inbox"]
    assert (inbox["held"], inbox["discarded"], inbox["delivered"]) == (0, 1, 0)
    assert "1 discarded" in cli("status", *agency).text
    assert b"Zephyrine" not in (world.directory(READER) / "state/concordant.db").read_bytes()


def test_events_behind_a_discarded_one_go_on(world, cli) -> None:
    put_aside_event(world, cli)
    follows = referral(world, cli)
    follows["data"]["referral_id"] = "0c0ffee0-0000-4000-8000-000000000001"
    world.receive(READER, *world.live(SENDER, follows))
    agency = ("--agency", world.directory(READER))
    before = cli("status", *agency, "--json").json["inbox"]
    (item,) = [
        one for one in cli("quarantine", "list", *agency, "--json").json if one["kind"] == "event"
    ]
    why = ("--accepted-events", "--reason", "obsolete", "--yes")
    assert cli("quarantine", "discard", item["id"], *agency, *why).code == 0
    after = cli("status", *agency, "--json").json["inbox"]
    assert (before["behind"], before["undelivered"]) == (1, 0)
    assert (after["behind"], after["undelivered"]) == (0, 1)


def test_an_event_of_ours_that_waits_to_be_sealed_again_is_discarded(world, cli) -> None:
    world.state_of(READER)
    id_ = "0c0ffee0-0000-4000-8000-000000000002"
    store = world.store(READER)
    with store.transaction() as tx:
        seq = tx.outbox.add_many([NewOutboxRow(id_, "pan-london.a", 0, b"v", False)], now_ms())[0]
        tx.outbox.hold(seq, "groups_count", now_ms())
    agency = ("--agency", world.directory(READER))
    done = cli(
        "quarantine", "discard", f"outbox-{id_}", *agency, "--reason", "obsolete", "--yes", "--json"
    )
    assert (done.code, done.json[0]["outcome"]) == (0, "discarded")
    assert cli("quarantine", "list", *agency, "--json").json == []
    with store.reading() as tx:
        assert (tx.outbox.pending(9), tx.outbox.unsent()) == ([], [])
        row = tx.outbox.find(id_)
        assert row is not None
        assert row.value is None
        assert tx.outbox.counts().sent == 0


def test_a_person_is_asked_and_can_say_no(world, cli) -> None:
    world.state_of(READER)
    put_aside_file(world, cli)
    agency = ("--agency", world.directory(READER))
    (item,) = cli("quarantine", "list", *agency, "--json").json
    command = ("quarantine", "discard", item["id"], *agency, "--reason", "obsolete")
    assert "confirmation_needed" in cli(*command).err
    refused = cli(*command, stdin=b"no\n", terminal=True)
    assert (refused.code, refused.out) == (1, b"")
    assert cli("quarantine", "list", *agency, "--json").json == [item]
    agreed = cli(*command, stdin=b"yes\n", terminal=True)
    assert agreed.code == 0
    assert item["about"] in agreed.err, "what is discarded is shown first"
    assert cli("quarantine", "list", *agency, "--json").json == []


def test_a_file_is_not_discarded_without_an_entry_nor_in_the_place_of_another(world) -> None:
    participant = world.participant(READER)
    store = world.store(READER)
    put_aside_file(world, None)
    path = folder(world, "quarantine") / "bad.jsonl"
    discarding = Discarding(participant, store)
    wanted = Wanted([file_id("file", path.name)])
    someone = actor(None, "obsolete")
    planned = discarding.plan(wanted, now_ms())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("broker.audit.head_signing.sign_own_head", full_disk)
        with pytest.raises(StoreError):
            discarding.discard(planned, someone, now_ms())
    assert path.read_bytes() == b"{}"
    path.unlink()
    time.sleep(0.01)
    path.write_bytes(b'{"corrected": 1}')  # and refused again under its name
    (done,) = discarding.discard(planned, someone, now_ms())
    assert (done.outcome, path.exists()) == ("not_held", True)
    (done,) = discarding.discard(discarding.plan(wanted, now_ms()), someone, now_ms())
    assert (done.outcome, path.exists()) == ("discarded", False)
    store.close()


def full_disk(*_: object) -> None:
    raise StoreError("the disk is full", code="store_full")


def test_a_reason_is_needed_and_what_cannot_be_an_id_is_wrong_usage(world, cli) -> None:
    world.state_of(READER)
    command = ("quarantine", "discard", "--agency", world.directory(READER), "--yes")
    assert cli(*command, "1").code == 2
    cli(*command, "1", "--reason", " ").require_failure("reason_invalid", 2)
    assert cli(*command, "--reason", "x").code == 2
    assert cli(*command, "7x", "--reason", "x").code == 2
    assert cli(*command, "7", "--sender", SENDER, "--reason", "x").code == 2
    done = cli(*command, "7", "event-7", "--reason", "x", "--json")
    assert (done.code, {one["outcome"] for one in done.json}) == (4, {"not_held"})


def looks_at_events(world, cli) -> list[dict[str, Any]]:
    return [one for one in log_of(world, cli) if one["event"] and one["kind"] == "consultation"]


def test_a_held_event_is_shown_on_a_terminal_and_the_look_is_logged(world, cli) -> None:
    put_aside_event(world, cli)
    agency = ("--agency", world.directory(READER))
    (item,) = cli("quarantine", "list", *agency, "--json").json
    cli("quarantine", "show", item["id"], *agency).require_failure("terminal_needed", 2)
    assert [
        one for one in log_of(world, cli) if one["event"] and one["kind"] == "consultation"
    ] == []
    command = ("quarantine", "show", item["id"], *agency, "--operator", "duty.officer")
    shown = cli(*command, "--reason", "mapping", terminal=True)
    assert shown.code == 0
    assert "Zephyrine" in shown.text
    assert "column X" in shown.text
    (look,) = looks_at_events(world, cli)
    assert (look["event"], look["acting_for"]) == (item["event_id"], "duty.officer")
    assert look["reason_text"] == "mapping"
    assert cli("quarantine", "list", *agency, "--json").json == [item]
    cli("quarantine", "show", "event-99", *agency, terminal=True).require_failure(
        "record_unknown", 2
    )
    assert cli("quarantine", "show", "7", *agency, terminal=True).code == 2


def test_the_rest_of_a_file_that_was_not_read_is_held_too(world, cli) -> None:
    world.state_of(READER)
    parts = {name: lambda: (b"{}\n",) for name in ("rejected", "rest")}
    reason = format_reason(FileReason("a.jsonl", "", "rest_put_aside", "1 of the records."))
    write_beside(folder(world, "quarantine"), "a.jsonl", "0" * 16, parts, reason)
    listed = cli("quarantine", "list", "--agency", world.directory(READER), "--json").json
    assert {(one["kind"], one["about"], one["code"]) for one in listed} == {
        ("rows", "a.jsonl.rejected.jsonl", "rest_put_aside"),
        ("rows", "a.jsonl.rest.jsonl", "rest_put_aside"),
    }
    ids = [one["id"] for one in listed]
    done = cli("quarantine", "retry", *ids, "--agency", world.directory(READER), "--json")
    assert {one["outcome"] for one in done.json} == {"moved_to_import"}


def test_a_file_that_is_tried_again_is_in_the_import_folder_as_it_was(world, cli) -> None:
    world.without_state(READER)
    world.state_of(READER)
    put_aside_file(world, cli)
    put_aside_rows(world, cli)
    agency = ("--agency", world.directory(READER))
    listed = cli("quarantine", "list", *agency, "--json").json
    assert {one["about"]: one["code"] for one in listed} == {
        "bad.jsonl": "missing_column",
        "a.jsonl.rejected.jsonl": "rows_refused",
    }
    (folder(world, "import") / "bad.jsonl").write_bytes(b"another")
    cli("quarantine", "retry", *(one["id"] for one in listed), *agency)
    found = {path.name: path.read_bytes() for path in folder(world, "import").iterdir()}
    assert found.pop("bad.jsonl") == b"another"
    assert found.pop("a.jsonl.rejected.jsonl") == b"{}\n"
    assert list(found.values()) == [b"{}"]
    listed = cli("quarantine", "list", *agency, "--json").json
    assert {one["kind"] for one in listed} == {"entry"}


@pytest.mark.parametrize("id_", ["event-99", "file-000000000000", "outbox-x", "deferred-a/b/0"])
def test_an_id_of_nothing_is_said(world, cli, id_: str) -> None:
    world.state_of(READER)
    done = cli("quarantine", "retry", id_, "--agency", world.directory(READER), "--json")
    assert (done.code, done.json[0]["outcome"]) == (4, "not_held")


@pytest.mark.parametrize("id_", ["event-", "event", "7x", "../x", "file -1"])
def test_an_invalid_id_is_wrong_usage(world, cli, id_: str) -> None:
    world.state_of(READER)
    assert cli("quarantine", "retry", "--agency", world.directory(READER), "--", id_).code == 2
