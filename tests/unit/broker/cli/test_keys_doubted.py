"""`keys doubted`: what a reader took under a key that was lost by then."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from broker.agency.participant import load_participant
from broker.clock import now_ms
from broker.keys.instant import format_instant
from broker.statements.authorship import cosigner
from broker.statements.receipts import format_receipt
from broker.tlog.checkpoint import parse_origin
from broker.tlog.proof import parse_proof
from tests.support.manifest_files import newest_manifest_file

SENDER, READER, OTHER = "csu-camden", "council-camden", "haven-support"
MINUTE = 60_000


def taken(cli, world, *, count: int = 2):
    """Records of the sender that the reader has taken."""
    events = [
        world.event(
            cli,
            SENDER,
            "referral.made",
            case_id=f"1111222{n}-3333-4444-8555-666677778888",
            referral_id=f"2222333{n}-3333-4444-8555-666677778888",
        )
        for n in range(count)
    ]
    records = world.live(SENDER, *events)
    batches = world.receive(READER, *records)
    assert sum(len(batch.opened) for batch in batches) == count
    return records


def revoke(cli, root: Path, since: int) -> None:
    """The sender revokes its stream key, and the reader hears of it."""
    listed = cli("keys", "list", "--agency", root / SENDER, "--json").json["keys"]
    (kid,) = [
        key["kid"] for key in listed if (key["role"], key["algorithm"]) == ("stream", "ed25519")
    ]
    options = ("--since", format_instant(since), "--reason", "x", "--agency", root / SENDER)
    assert cli("keys", "revoke", kid, *options).code == 0
    name = newest_manifest_file(root / SENDER, SENDER).name
    shutil.copy(root / SENDER / "manifests" / name, root / READER / "manifests" / name)


def doubted(cli, root: Path, *more: str, sender: str = SENDER):
    return cli("keys", "doubted", sender, "--agency", root / READER, *more)


def test_without_a_revocation_nothing_is_in_doubt(cli, root: Path, world) -> None:
    taken(cli, world)
    done = doubted(cli, root)
    assert (done.code, done.out) == (0, b"")
    assert SENDER in done.err


def test_a_record_taken_since_then_is_listed(cli, root: Path, world) -> None:
    taken(cli, world)
    revoke(cli, root, now_ms() - MINUTE)
    done = doubted(cli, root, "--json")
    assert done.code == 1
    assert [one["type"] for one in done.json] == ["referral.made"] * 2
    assert all(one["delivered"] is None for one in done.json)
    as_table = doubted(cli, root)
    assert as_table.lines[0].split() == ["event", "type", "received", "delivered"]
    assert {line.split()[0] for line in as_table.lines[1:]} == {one["id"] for one in done.json}
    assert "telephone" in as_table.err
    assert json.dumps(done.json).count("case") == 0  # nothing that names a case


def test_a_record_taken_earlier_is_not_listed(cli, root: Path, world, clock) -> None:
    taken(cli, world)
    later = clock(10 * MINUTE)
    revoke(cli, root, later - MINUTE)
    assert doubted(cli, root).code == 0


def test_a_record_cosigned_earlier_by_another_agency_is_not_listed(cli, root: Path, world) -> None:
    first, second = taken(cli, world)
    since = now_ms() - MINUTE
    store = world.store(READER)
    other = load_participant(root / OTHER, now_ms())
    signer = cosigner(other.key_name, other.receipt_signer(now_ms()))
    for record, time_s in ((first, since // 1000 - 5), (second, since // 1000 + 5)):
        checkpoint = parse_proof(dict(record.headers)[b"proof"]).checkpoint
        name, size, root_ = checkpoint.origin, checkpoint.size, checkpoint.root
        receipt = format_receipt(parse_origin(name), size, root_, signer, time_s)
        with store.transaction() as tx:
            tx.receipts.add(name, size, root_, OTHER, time_s, receipt)
    with store.reading() as tx:
        rows = {(row.partition, row.index): row.event_id for row in tx.inbox.undelivered(10)}
    store.close()
    revoke(cli, root, since)
    (one,) = doubted(cli, root, "--json").json
    index = parse_proof(dict(second.headers)[b"proof"]).index
    assert one["id"] == rows[second.partition, index]


def test_an_unknown_agency_is_wrong_usage(cli, root: Path) -> None:
    done = doubted(cli, root, sender="nobody")
    done.require_failure("agency_unknown", 2)
    assert SENDER in done.err  # the ids that could have been meant


def test_of_itself_an_agency_does_not_ask_and_is_told_what_to_do_instead(cli, root: Path) -> None:
    done = doubted(cli, root, sender=READER)
    done.require_failure("agency_own", 2)
    assert f"keys revoke KID --since TIME --reason TEXT --agency {root / READER}" in done.err


def test_a_folder_without_a_state_says_so_and_does_not_say_that_all_is_well(
    cli, root: Path, world
) -> None:
    taken(cli, world)
    revoke(cli, root, now_ms() - MINUTE)
    shutil.rmtree(root / READER / "state")
    doubted(cli, root).require_failure("state_missing")
    assert not list((root / READER).rglob("*.db"))
