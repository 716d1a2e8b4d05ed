"""`event status`: the state of an event at each recipient, for scripts and for people."""

from __future__ import annotations

from uuid import uuid4

from broker.clock import now_ms
from broker.store.rows import NewRecipientRow

SENDER, READER, OTHER = "csu-camden", "council-camden", "cps-london"


def test_the_state_at_each_recipient_is_exactly_this_json(cli, world) -> None:
    event, now = str(uuid4()), now_ms()
    store = world.store(SENDER)
    with store.transaction() as tx:
        rows = [NewRecipientRow(event, one, None, None, 3_600_000) for one in (READER, OTHER)]
        tx.recipients.add_many(rows, now)
        tx.recipients.told(READER, event, "put_aside", "mapping_failed", now, now)
    store.close()
    words = ("event", "status", event, "--agency", world.directory(SENDER))
    done = cli(*words, "--json")
    assert done.code == 0
    found = done.json
    assert found.keys() == {"id", "recipients"}
    assert found["id"] == event
    assert {one: (at["state"], at["code"]) for one, at in found["recipients"].items()} == {
        READER: ("put_aside", "mapping_failed"),
        OTHER: ("later", None),
    }
    assert all(one.keys() == {"state", "code", "since"} for one in found["recipients"].values())
    text = cli(*words)
    assert text.code == 0
    assert "put_aside" in text.text
    assert "mapping_failed" in text.text


def test_an_unknown_event_is_a_no(cli, world) -> None:
    world.store(SENDER).close()
    for event in (str(uuid4()), "nothing"):
        done = cli("event", "status", event, "--agency", world.directory(SENDER), "--json")
        done.require_failure("event_unknown", 1)
