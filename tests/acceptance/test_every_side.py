"""Every side against every other one over a real Kafka, with faults.

Seven agencies, each with a side of its own (folder, PostgreSQL, HTTP, webhook, bus, SFTP, client),
exchange referrals and case updates while adapters, Kafka and the agencies' own servers are killed
and restarted. In the end, what each agency's own system holds is compared with what the agreement
says it should hold (`agreed_state`).

The seed is printed. `CONCORDANT_SEED=N` plays the same traffic and the same order of faults.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import pytest

from contracts.events import JSON
from tests.acceptance.every_side_stage import (
    BUS,
    CLIENT,
    DATABASE,
    FILES,
    FOLDER,
    HTTP,
    SFTP,
    SYSTEMS,
    WEBHOOK,
    Stage,
    kafka_holds,
)
from tests.acceptance.own_servers import DatabaseSystem
from tests.acceptance.own_systems import REASON, FolderSystem

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(900)]

REJECTING = (HTTP, WEBHOOK, BUS, DATABASE, CLIENT)
"""Agencies whose system can reject an event; a folder has no answer."""
DISCARDING = (WEBHOOK, CLIENT)
"""Agencies at which a person discards an event that the system rejects."""
REFUSED = ("file", "rows", "row")
"""Kinds of held items that are events of the agency's own system."""
SENDING_UPDATES = (FOLDER, SFTP, HTTP, BUS, DATABASE)


@pytest.fixture(scope="module")
def played() -> Iterator[Stage]:
    """The whole story; the tests look at what is there in the end."""
    seed = int(os.environ.get("CONCORDANT_SEED") or secrets.randbelow(2**32))
    print(f"CONCORDANT_SEED={seed}")
    memory = Path("/dev/shm")  # each write is durable, which takes long on a disk
    root = Path(tempfile.mkdtemp("", "sides-", memory if memory.is_dir() else None))
    stage = Stage(root, seed)
    try:
        stage.start()
        play(stage)
        yield stage
    finally:
        stage.stop()
        shutil.rmtree(root, ignore_errors=True)


def play(stage: Stage) -> None:
    """Traffic, faults in a random order, corrections, and the wait for reports."""
    traffic, rng = stage.traffic, stage.rng
    for agency in SYSTEMS:
        stage.send([*traffic.refused(agency), *traffic.case(agency, to_all=True)])
    for by in REJECTING:
        senders = [one for one in SENDING_UPDATES if one != by]
        stage.send(traffic.rejected_case(rng.choice(senders), by))
        stage.send(traffic.corrected_case(rng.choice(senders), by))
        if by in DISCARDING:
            stage.send(traffic.discarded_case(rng.choice(senders), by))
        cases = {**traffic.rejected, **traffic.rejected_first, **traffic.discarded}
        stage.systems[by].rejects |= {case for case, reader in cases.items() if reader == by}
    faults: list[Callable[[], None]] = [partial(stage.kill, agency) for agency in SYSTEMS]
    faults += [stage.restart_kafka, stage.restart_nats, stage.webhook_down]
    faults += [stage.database_crashes, stage.sftp_down]
    rng.shuffle(faults)
    for fault in faults:
        fault()
    stage.until(lambda: not stage.lacking(), "not everything has arrived")
    correct(stage)
    discard(stage)
    stage.until(lambda: not stage.lacking(final=True), "not everything has arrived in the end")
    stage.until(stage.reported, "not every report has come")


def correct(stage: Stage) -> None:
    """A person corrects the cause of some rejections, and retries what is held because of them."""
    for case, by in stage.traffic.rejected_first.items():
        ids = [event_id for order, event_id in stage.accepted() if order.case == case]
        stage.until(partial(is_held, stage, by, ids[0]), f"{by} does not hold {ids}")
        stage.systems[by].rejects.discard(case)
        # Later events of the case wait behind the first, unless they were offered together with it.
        items = {str(one["event_id"]): str(one["id"]) for one in held(stage, by)}
        again = [items[event_id] for event_id in ids if event_id in items]
        stage.command(by, "quarantine", "retry", *again, "--wait", "0")


def discard(stage: Stage) -> None:
    """A person discards events that their system rejects."""
    for case, by in stage.traffic.discarded.items():
        (event_id,) = [event_id for order, event_id in stage.accepted() if order.case == case]
        stage.until(partial(is_held, stage, by, event_id), f"{by} does not hold {event_id}")
        (item,) = [one["id"] for one in held(stage, by) if one["event_id"] == event_id]
        done = stage.command(
            by, "quarantine", "discard", str(item), "--accepted-events", "--reason", "obsolete",
            "--yes",
        )  # fmt: skip
        assert [one["outcome"] for one in done] == ["discarded"]


def held(stage: Stage, agency: str) -> list[dict[str, object]]:
    """Return the items that `quarantine list` shows."""
    shown: list[dict[str, object]] = stage.command(agency, "quarantine", "list", "--limit", "1000")
    return shown


def is_held(stage: Stage, agency: str, event_id: str) -> bool:
    return event_id in held_events(stage, agency)


def held_events(stage: Stage, agency: str) -> set[str]:
    """Ids of the received events that are held."""
    return {str(one["event_id"]) for one in held(stage, agency) if one["kind"] == "event"}


def test_each_agency_was_killed_and_much_was_sent(played: Stage) -> None:
    assert played.kills >= len(SYSTEMS)
    sent = Counter((order.sender, to) for order, _ in played.accepted() for to in order.recipients)
    possible = {
        (order.sender, to)
        for order, _ in played.accepted()
        for to in played.traffic.possible(order.sender, order.type)
    }
    assert sent.keys() == possible
    assert len(possible) > len(SYSTEMS) * (len(SYSTEMS) - 2)  # not every pair of roles may exchange


def test_each_agency_holds_exactly_what_the_agreement_says(played: Stage) -> None:
    wrong = []
    for reader, owed in played.owed(final=True).items():
        found = played.systems[reader].imported
        wrong += [f"{reader} lacks {one}: {owed[one]}" for one in owed.keys() - found.keys()]
        wrong += [f"{reader} has {one}: {found[one]}" for one in found.keys() - owed.keys()]
        for event_id in owed.keys() & found.keys():
            order, there = owed[event_id], found[event_id]
            if (there.source, there.type) != (order.sender, order.type):
                wrong.append(f"{reader}: {event_id} is {there.type} of {there.source}")
            agreed = played.agreed(order, reader)
            if reader in FILES:
                agreed = played.sayable(order.type, agreed)
            for path in sorted(agreed.keys() | there.flat.keys()):
                if not same(agreed.get(path), there.flat.get(path), ordered=reader not in FILES):
                    said = f"{path}: {there.flat.get(path)!r}, agreed: {agreed.get(path)!r}"
                    wrong.append(f"{reader}: {event_id} {order.type} of {order.sender}: {said}")
    assert not wrong, "\n".join(wrong[:40])


def same(one: JSON | None, other: JSON | None, *, ordered: bool) -> bool:
    """Compare two values; a format with one cell for several codes has them in its own order."""
    if isinstance(one, list) and isinstance(other, list) and not ordered:
        return sorted(map(str, one)) == sorted(map(str, other))
    return one == other


def test_no_system_met_a_repeat_with_other_content_or_two_answers(played: Stage) -> None:
    faults = [one for system in played.systems.values() for one in system.faults]
    assert not faults, "\n".join(faults[:20])
    ids = [event_id for _, event_id in played.accepted()]
    assert len(set(ids)) == len(ids)


def test_events_of_a_case_were_imported_in_their_order(played: Stage) -> None:
    topic_of = {name: terms.topic for name, terms in played.contract.event_types.items()}
    for reader, owed in played.owed(final=True).items():
        sent, imported = defaultdict(list), defaultdict(list)
        for event_id, order in owed.items():
            sent[order.sender, order.case, topic_of[order.type]].append(event_id)
        for event_id in played.systems[reader].order:
            order = owed[event_id]
            imported[order.sender, order.case, topic_of[order.type]].append(event_id)
        assert imported == sent, reader


def test_each_file_and_row_is_there_once(played: Stage) -> None:
    owed = played.owed(final=True)
    for agency in FILES:
        files = [one.name.split(".")[0] for one in received(played, agency)]
        assert sorted(files) == sorted(owed[agency])
    rejected = {e for o, e in played.accepted() if played.traffic.rejected.get(o.case) == DATABASE}
    database = played.systems[DATABASE]
    assert isinstance(database, DatabaseSystem)
    imported = sorted((one, "imported") for one in owed[DATABASE])
    assert database.results() == sorted([*imported, *((one, "rejected") for one in rejected)])


def received(stage: Stage, agency: str) -> Iterable[Path]:
    """Return the files of received events of an agency that exchanges files."""
    system = stage.systems[agency]
    assert isinstance(system, FolderSystem)
    return system.received()


def test_no_text_of_a_field_that_an_agency_may_not_have_is_in_its_files(played: Stage) -> None:
    owed = played.owed(final=True)
    for agency, file in [(one, file) for one in FILES for file in received(played, one)]:
        order = owed[agency].get(file.name.split(".")[0])
        assert order is not None, file.name
        agreed = played.agreed(order, agency)
        text = file.read_text(errors="replace")
        for path, value in order.flat.items():
            if path not in agreed and order.marker in str(value):
                assert str(value) not in text, (file.name, path)


def test_everything_else_was_accepted(played: Stage) -> None:
    answers = {marker: a for one in played.systems.values() for marker, a in one.answers.items()}
    meant = [(one, answers[one.marker]) for one in played.traffic.orders if not one.refused]
    assert not [(order, answer) for order, answer in meant if not answer.id]


def test_each_event_that_must_be_refused_was_refused_and_is_shown(played: Stage) -> None:
    for agency, system in played.systems.items():
        refused = [one for one in played.traffic.orders if one.sender == agency and one.refused]
        assert refused
        for order in refused:
            answer = system.answers[order.marker]
            assert not answer.id, order
            if agency not in FILES and order.refused != "code":
                assert answer.code == order.refused, order
        shown = [one for one in held(played, agency) if one["kind"] in REFUSED]
        counts = {one["kind"]: one["count"] for one in played.command(agency, "status")["held"]}
        assert sum(counts.get(kind, 0) for kind in REFUSED) == len(shown)
        if agency in (*FILES, BUS, DATABASE):
            assert sum(int(str(one["count"])) for one in shown) == len(refused), shown
        else:  # the system has the refusal as the answer to its request
            assert not shown


def test_each_event_that_a_recipient_put_aside_is_shown_to_both_sides(played: Stage) -> None:
    for agency in SYSTEMS:
        aside = {
            event_id: order
            for order, event_id in played.accepted()
            if played.traffic.rejected.get(order.case) == agency
        }
        assert held_events(played, agency) == set(aside)
        status = played.command(agency, "status")
        assert status["inbox"]["held"] == len(aside)
        assert status["inbox"]["undelivered"] == 0
        counts = {one["kind"]: one["count"] for one in status["held"]}
        assert counts["event"] == len(aside)
        assert not any(counts.get(kind) for kind in ("record", "outbox", "stopped", "deferred"))
        for one in held(played, agency):
            if one["kind"] == "event":
                assert one["code"] == "rejected_by_system"
                assert REASON in str(one["detail"])
        for event_id, order in aside.items():
            said = played.command(order.sender, "event", "status", event_id)["recipients"][agency]
            assert said["state"] == "put_aside"
            assert said["code"]


def test_each_sender_knows_the_end_of_each_event(played: Stage) -> None:
    for agency in SYSTEMS:
        assert played.ends(agency)
        assert played.states(agency) == played.ends(agency)


def test_nothing_is_readable_on_the_disk_of_kafka_or_in_a_log(played: Stage) -> None:
    assert not kafka_holds(played.kafka.folder, b"quag")
    for agency in SYSTEMS:
        assert "quag" not in (played.root / f"{agency}.jsonl").read_text()
