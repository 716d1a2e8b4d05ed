"""`event waiting` and `event cancel`: what waits for an agency, and its cancelling by a person."""

from __future__ import annotations

from broker.agency.participant import load_participant
from broker.clock import now_ms
from broker.sending import copies
from broker.sending.copies import Kept
from broker.store.database import open_store
from broker.store.rows import NewCopyRow
from contracts.events import PlainEvent

EVENT = "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38"
DAY = 86_400_000


def test_waiting_copies_are_listed_and_cancelled_once(cli, world) -> None:
    world.state_of("csu-camden")
    folder = world.directory("csu-camden")
    agency = load_participant(folder, now_ms())
    store = open_store(agency.path(agency.config.state.database))
    now = now_ms()
    kept = Kept(PlainEvent("case.updated", (), {}), (), None, makes=False, consents=frozenset())
    secret = agency.keyring.secret()
    rows = [
        NewCopyRow(
            EVENT, to, bytes(32), "case.updated", "suspended",
            copies._sealed(secret, EVENT, to, kept), now, now + DAY,
        )
        for to in ("council-camden", "haven-support")
    ]  # fmt: skip
    with store.transaction() as tx:
        tx.copies.add_many(rows)
    store.close()
    listed = cli("event", "waiting", "--agency", folder)
    assert [
        (one["event"], one["recipient"], one["reason"], one["due"]) for one in listed.jsonl
    ] == [
        (EVENT, "council-camden", "suspended", None),
        (EVENT, "haven-support", "suspended", None),
    ]
    assert {(one["served"], one["at"]) for one in listed.jsonl} == {("later", "sender")}
    assert cli("status", "--agency", folder, "--json").json["copies"] == 2
    gone = cli(
        "event", "cancel", EVENT, "--agency", folder, "--recipient", "council-camden",
        "--reason", "sent by post",
    )  # fmt: skip
    assert (gone.code, [one["recipient"] for one in gone.jsonl]) == (0, ["council-camden"])
    assert len(cli("event", "waiting", "--agency", folder).jsonl) == 1
    again = cli(
        "event", "cancel", EVENT, "--agency", folder, "--recipient", "council-camden"
    )  # fmt: skip
    again.require_failure("copy_unknown", 2)
    logged = cli("log", "show", "--agency", folder, "--json")
    assert "copy_cancelled" in logged.text
