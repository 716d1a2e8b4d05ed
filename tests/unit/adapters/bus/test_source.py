"""The source `bus`: accepted once, acknowledged after the commit; refusals are held."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from adapters.bus import reader
from adapters.bus.clients import OutgoingMessage
from adapters.bus.held_messages import HeldMessages
from broker.errors import StoreError
from broker.held.inventory import held_folders, held_in_folders
from broker.held.retrying import retry_held
from tests.support.bus_agency import BusAgency, BusTown, until
from tests.unit.adapters.bus.conftest import MemoryBus

NAME = "Zephyrine Quillfeather"


def decided(agency: BusAgency, body: bytes, **headers: str) -> dict[str, Any]:
    """Return the data of the answer to a message."""
    from adapters.bus.sides import bus_source

    answer = bus_source(agency.parts()).decide(body, headers).answer
    assert answer is not None
    return dict(json.loads(answer.body)["data"])


def events(agency: BusAgency) -> int:
    with agency.member.store.reading() as tx:
        counts = tx.outbox.counts()
    return counts.pending + counts.unsent


async def test_a_message_is_accepted_once_and_every_repeat_has_the_same_answer(
    town: BusTown, bus: MemoryBus
) -> None:
    police = town.police
    names = police.bus.names
    body = police.message(police.event(), "one")
    bus.logs[names.send] += [OutgoingMessage("1", body), OutgoingMessage("2", body)]
    police.start(sink=False)
    await until(lambda: bus.acknowledged[names.send] == 2)
    first, again = bus.bodies(names.answers)
    assert first == again
    assert json.loads(first)["data"]["state"] == "accepted"
    assert json.loads(first)["data"]["message"] == {"source": "/housing", "id": "one"}
    assert events(police) == 1


async def test_two_systems_may_use_the_same_id(town: BusTown, bus: MemoryBus) -> None:
    police = town.police
    answers = []
    for source in ("/housing", "/social-care"):
        document = json.loads(police.message(police.event(), "one"))
        answers.append(decided(police, json.dumps({**document, "source": source}).encode()))
    assert answers[0]["id"] != answers[1]["id"]
    assert events(police) == 2


async def test_a_message_is_not_acknowledged_before_its_answer_is_on_the_bus(
    town: BusTown, bus: MemoryBus
) -> None:
    police = town.police
    names = police.bus.names
    bus.logs[names.send].append(OutgoingMessage("1", police.message(police.event())))
    bus.unconfirmed = 1
    police.start(sink=False)
    await until(lambda: bus.acknowledged[names.send] == 1)
    assert bus.read[names.send] == 2  # delivered again after the answer was not confirmed
    assert events(police) == 1
    assert len({json.loads(one)["id"] for one in bus.bodies(names.answers)}) == 1


async def test_a_refused_message_is_answered_held_and_retried_without_personal_data(
    town: BusTown, bus: MemoryBus, capsys: pytest.CaptureFixture[str]
) -> None:
    police = town.police
    names = police.bus.names
    event = police.event()
    event["data"]["surprise"] = NAME
    bus.logs[names.send].append(OutgoingMessage("1", police.message(event, "two")))
    police.start(sink=False)
    await until(lambda: bus.acknowledged[names.send] == 1)
    (answer,) = bus.bodies(names.answers)
    assert bus.bodies(names.refused) == [answer]
    data = json.loads(answer)["data"]
    assert data["state"] == "refused"
    assert data["message"] == {"source": "/housing", "id": "two"}
    assert data["refusal"]["code"] == "event_invalid"
    folders = held_folders(police.parts().participant)
    (held,) = held_in_folders(folders, town.clock.now, with_reasons=True)
    assert (held.kind, held.code) == ("file", "event_invalid")
    assert b'concordant_items_refused_total{code="event_invalid"} 1.0' in police.metrics.text()
    assert retry_held(police.member.store, folders, held.id, town.clock.now).settled
    await until(lambda: len(bus.bodies(names.answers)) == 2)
    await until(lambda: bool(held_in_folders(folders, town.clock.now, with_reasons=False)))
    assert bus.bodies(names.answers)[1] == answer
    shown = answer.decode() + capsys.readouterr().err
    assert NAME not in shown


async def test_a_retried_message_that_is_accepted_now_is_put_with_the_processed_ones(
    town: BusTown, bus: MemoryBus
) -> None:
    police = town.police
    names = police.bus.names
    whole = police.message(police.event())
    (police.root / "import" / "bus-event-0123456789abcdef01234567.cloudevent").write_bytes(whole)
    police.start(sink=False)
    await until(lambda: len(bus.bodies(names.answers)) == 1)
    assert json.loads(bus.bodies(names.answers)[0])["data"]["state"] == "accepted"
    await until(lambda: any((police.root / "processed").iterdir()))
    assert not any((police.root / "import").iterdir())


@pytest.mark.parametrize("good", [True, False])
async def test_a_retried_message_that_a_person_takes_away_stops_no_other(
    town: BusTown, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch, good: bool
) -> None:
    police = town.police
    body = police.message(police.event()) if good else b"{}"
    path = police.root / "import" / "bus-event-0123456789abcdef01234567.cloudevent"
    path.write_bytes(body)
    read = HeldMessages.read

    def read_and_lose(held: HeldMessages, *arguments: Any) -> Any:
        found = read(held, *arguments)
        path.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(HeldMessages, "read", read_and_lose)
    names = police.bus.names
    police.start(sink=False)
    await until(lambda: len(bus.bodies(names.answers)) == 1)
    bus.logs[names.send].append(OutgoingMessage("2", police.message(police.event())))
    await until(lambda: len(bus.bodies(names.answers)) == 2)
    for folder in ("processed", "quarantine"):
        assert not (police.root / folder).exists() or not any((police.root / folder).iterdir())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"id": ""}, "id"),
        ({"id": 7}, "id"),
        ({"source": None}, "source"),
        ({"type": "case.updated"}, "type"),
        ({"data": []}, "data"),
        ({"data_base64": "e30="}, "data_base64"),
        ({"datacontenttype": "text/xml"}, "datacontenttype"),
    ],
)
async def test_another_form_is_event_malformed_and_names_the_attribute(
    town: BusTown, change: dict[str, Any], field: str
) -> None:
    police = town.police
    document = json.loads(police.message(police.event())) | change
    refusal = decided(police, json.dumps(document).encode())["refusal"]
    assert (refusal["code"], refusal["field"]) == ("event_malformed", field)


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"{", b'{"id": 1, "id": 2}', b"[" * 99])
async def test_bytes_that_are_no_cloud_event_are_answered_with_their_hash(
    town: BusTown, body: bytes
) -> None:
    answer = decided(town.police, body)
    assert answer["refusal"]["code"] == "event_malformed"
    assert answer["message"]["id"] is None
    assert len(answer["message"]["sha256"]) == 64


async def test_a_message_above_the_limit_is_request_too_large(town: BusTown) -> None:
    police = town.police
    police.bus = police.bus.model_copy(update={"message_bytes": 1_024})
    answer = decided(police, police.message(police.event()) + b" " * 1_024)
    assert answer["refusal"]["code"] == "request_too_large"


@pytest.mark.parametrize("prefix", ["ce-", "CE_", "cloudEvents:"])
async def test_binary_mode_has_the_attributes_as_headers(town: BusTown, prefix: str) -> None:
    police = town.police
    event = police.event()
    attributes = {"specversion": "1.0", "id": "9", "source": "/housing", "type": event["type"]}
    headers = {f"{prefix}{name}": value for name, value in attributes.items()}
    body = json.dumps(event).encode()
    answer = decided(police, body, **headers, **{"content-type": "application/json"})
    again = decided(police, police.message(event, "9"))
    assert answer["state"] == "accepted"
    assert again["id"] == answer["id"]  # one message, in the other mode


async def test_one_id_with_another_event_is_idempotency_key_reused(town: BusTown) -> None:
    police = town.police
    assert decided(police, police.message(police.event(), "3"))["state"] == "accepted"
    refusal = decided(police, police.message(police.event(), "3"))["refusal"]
    assert refusal["code"] == "idempotency_key_reused"


async def test_trouble_of_the_state_or_of_the_bus_is_shown_and_loses_nothing(
    town: BusTown, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    police = town.police
    names = police.bus.names
    police.start(sink=False)
    trouble = police.source.trouble
    assert trouble is not None
    assert trouble() == "bus_unavailable"  # not connected yet
    await until(lambda: trouble() is None)
    bus.down = True
    await until(lambda: trouble() == "bus_unavailable")
    assert b'concordant_bus_connected{kind="send"} 0.0' in police.metrics.text()
    bus.down = False
    with monkeypatch.context() as broken:

        def fail(*_arguments: object) -> None:
            raise StoreError("It is locked.", code="store_busy")

        broken.setattr(police.source._acceptance, "accept", fail)
        bus.logs[names.send].append(OutgoingMessage("1", police.message(police.event())))
        await until(lambda: trouble() == "store_busy")
        assert bus.acknowledged[names.send] == 0
    await until(lambda: bus.acknowledged[names.send] == 1)
    assert trouble() is None
    assert events(police) == 1


async def test_a_full_disk_keeps_a_refused_message_on_the_bus(
    town: BusTown, bus: MemoryBus
) -> None:
    police = town.police
    names = police.bus.names
    shutil.rmtree(police.root / "quarantine")
    (police.root / "quarantine").write_text("a file")
    bus.logs[names.send].append(OutgoingMessage("1", b"{}"))
    police.start(sink=False)
    trouble = police.source.trouble
    assert trouble is not None
    await until(lambda: trouble() == "file_unusable")
    assert bus.acknowledged[names.send] == 0
    (police.root / "quarantine").unlink()
    await until(lambda: bus.acknowledged[names.send] == 1)


async def test_a_retried_file_that_cannot_be_read_is_told_once_and_keeps_no_other_waiting(
    town: BusTown, bus: MemoryBus, capsys: pytest.CaptureFixture[str]
) -> None:
    police = town.police
    names = police.bus.names
    unusable = police.root / "import" / "bus-event-000000000000000000000000.cloudevent"
    unusable.symlink_to(police.root / "elsewhere")
    whole = police.message(police.event())
    (police.root / "import" / "bus-event-0123456789abcdef01234567.cloudevent").write_bytes(whole)
    police.start(sink=False)
    trouble = police.source.trouble
    assert trouble is not None
    await until(lambda: len(bus.bodies(names.answers)) == 1)
    await until(lambda: trouble() == "file_unusable")
    bus.logs[names.send].append(OutgoingMessage("1", police.message(police.event())))
    await until(lambda: bus.acknowledged[names.send] == 1)
    assert capsys.readouterr().err.count("entries_left") == 1
    unusable.unlink()
    await until(lambda: trouble() is None)


async def test_retried_messages_are_read_one_at_a_time_and_looked_for_once_in_a_poll(
    town: BusTown, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    police = town.police
    names = police.bus.names
    for number in range(3):
        name = f"bus-event-{number:024x}.cloudevent"
        (police.root / "import" / name).write_bytes(police.message(police.event()))
    in_memory, most, looks = 0, 0, 0
    read, taken, retried = HeldMessages.read, HeldMessages.taken, HeldMessages.retried

    def counted_read(*arguments: Any) -> Any:
        nonlocal in_memory, most
        in_memory += 1
        most = max(most, in_memory)
        return read(*arguments)

    def counted_taken(*arguments: Any) -> None:
        nonlocal in_memory
        in_memory -= 1
        taken(*arguments)

    def counted_retried(*arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        return retried(*arguments)

    monkeypatch.setattr(HeldMessages, "read", counted_read)
    monkeypatch.setattr(HeldMessages, "taken", counted_taken)
    monkeypatch.setattr(HeldMessages, "retried", counted_retried)
    monkeypatch.setattr(reader, "POLL_S", 3_600.0)
    bus.logs[names.send] += [OutgoingMessage(str(one), b"{}") for one in range(5)]
    police.start(sink=False)
    await until(lambda: bus.acknowledged[names.send] == 5)
    assert (most, in_memory, looks) == (1, 0, 1)
