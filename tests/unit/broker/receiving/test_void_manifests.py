"""Records that were refused because of a manifest that became void (protocol test 13)."""

from __future__ import annotations

from collections.abc import Collection
from secrets import token_bytes
from unittest import mock

import pytest
from sqlalchemy import update

from broker.control.watch import WITHHELD_AFTER_MS
from broker.errors import RefusedError
from broker.keys.delegation import DelegationChanges, Revocation, WithdrawnKeys
from broker.keys.issuing import ManifestChanges, issue_manifest
from broker.keys.manifest import StandingEntry, VerifiedManifest
from broker.receiving.receiving import VOID_AGAIN_MS, Receiving
from broker.receiving.unheard import UNHEARD_CODES, Unheard
from broker.record import Record
from broker.store.rows import QuarantineRow
from broker.store.schema import quarantine
from tests.support.delegated_keys import delegated
from tests.support.founded_partnership import HOUR, MINUTE, NOW, POLICE, FoundedPartnership
from tests.support.memory_agency import Clock, at_offsets
from tests.support.memory_control import ControlNode, beat, head, origin_of
from tests.support.sealed_referrals import value
from tests.support.sent_records import Log

STOLEN = NOW + MINUTE
WITHDRAWN = NOW + HOUR


def first(world: FoundedPartnership) -> VerifiedManifest:
    newest = world.manifests.newest_verified(POLICE)
    assert newest is not None
    return newest


def by_a_thief(world: FoundedPartnership, changes: ManifestChanges) -> VerifiedManifest:
    """A manifest that the stolen manifest keys of the police sign."""
    return issue_manifest(first(world).manifest, changes, world.manifest_signers[POLICE], STOLEN)


def withdrawal(world: FoundedPartnership) -> VerifiedManifest:
    """The police withdraw the stolen pair: only their own first manifest stands."""
    own = first(world)
    withdrawn = WithdrawnKeys(keys=own.delegation.delegation.kids, stand=(own.hash,))
    signer = delegated(
        world.governance[POLICE],
        WITHDRAWN,
        "second",
        previous=own.delegation,
        changes=DelegationChanges(withdrawn=(withdrawn,)),
    )
    return issue_manifest(own.manifest, ManifestChanges(), signer, WITHDRAWN)


def suspending(world: FoundedPartnership) -> ManifestChanges:
    entry = StandingEntry(
        contract=world.contract.name,
        versions=(world.signed.hash,),
        state="suspended",
        since=STOLEN,
        reason="x",
    )
    return ManifestChanges(standing=(entry,))


def revoking(world: FoundedPartnership) -> ManifestChanges:
    kid = first(world).manifest.keys_of("stream", "ed25519")[0].kid
    return ManifestChanges(revocations=(Revocation(kid=kid, since=NOW, reason="x"),))


def hear(node: ControlNode, made: VerifiedManifest) -> None:
    assert node.hear(node.topics.manifests, made.raw).rejected == []
    node.member.believe(node.trust.contracts, node.trust.manifests)


def held(node: ControlNode) -> list[QuarantineRow]:
    with node.member.store.reading() as tx:
        return tx.quarantine.list("held")


def sent(log: Log) -> list[Record]:
    return at_offsets(log.send(value(), value(), at=STOLEN + MINUTE))


def test_records_held_for_a_void_suspension_are_opened(
    node: ControlNode, log: Log, world: FoundedPartnership, clock: Clock
) -> None:
    clock.now = STOLEN + 2 * MINUTE
    hear(node, by_a_thief(world, suspending(world)))
    assert node.member.take(sent(log)).opened == []
    assert [row.code for row in held(node)] == ["suspended"] * 2
    assert node.member.receiving.judge_unheard(clock.now).opened == []
    clock.now = WITHDRAWN
    hear(node, withdrawal(world))
    again = node.member.receiving.judge_unheard(clock.now)
    assert (len(again.opened), again.refused) == (2, [])
    assert (held(node), len(node.member.inbox())) == ([], 2)
    assert node.member.receiving.judge_unheard(clock.now).opened == []


def test_a_restart_before_the_second_judgement_loses_nothing(
    node: ControlNode, log: Log, world: FoundedPartnership, clock: Clock
) -> None:
    clock.now = STOLEN + 2 * MINUTE
    hear(node, by_a_thief(world, suspending(world)))
    node.member.take(sent(log))
    clock.now = WITHDRAWN
    hear(node, withdrawal(world))
    for count in (2, 0):  # and a second start does not judge again
        started = Receiving(node.member.store, node.member.trust_store, node.member.secret)
        assert len(started.judge_unheard(clock.now).opened) == count


def test_more_records_than_one_look_judges_are_all_judged(
    node: ControlNode,
    log: Log,
    world: FoundedPartnership,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("broker.receiving.unheard.JUDGED_AT_ONCE", 2)
    clock.now = STOLEN + 2 * MINUTE
    hear(node, by_a_thief(world, suspending(world)))
    node.member.take(at_offsets(log.send(*[value() for _ in range(5)], at=STOLEN + MINUTE)))
    clock.now = WITHDRAWN
    hear(node, withdrawal(world))
    looks = [len(node.member.receiving.judge_unheard(clock.now).opened) for _ in range(4)]
    assert looks == [2, 2, 1, 0]


def test_a_real_suspension_stays_refused_after_a_manifest_became_void(
    node: ControlNode, log: Log, world: FoundedPartnership, clock: Clock
) -> None:
    """A record is judged again, by the statements that count then."""
    clock.now = STOLEN + 2 * MINUTE
    hear(node, by_a_thief(world, suspending(world)))
    node.member.take(sent(log))
    clock.now = WITHDRAWN
    own = withdrawal(world)
    again = own.manifest.model_copy(update={"standing": suspending(world).standing})
    signer = delegated(
        world.governance[POLICE],
        WITHDRAWN,
        "second",
        previous=first(world).delegation,
        changes=DelegationChanges(withdrawn=own.delegation.delegation.withdrawn),
    )
    hear(node, issue_manifest(again, ManifestChanges(), signer, WITHDRAWN))
    opened = node.member.receiving.judge_unheard(clock.now).opened
    (stop,) = node.trust.manifests.stops(POLICE)
    assert stop.since <= STOLEN + MINUTE
    assert (opened, [row.code for row in held(node)]) == ([], ["suspended"] * 2)


def test_records_dropped_for_a_void_revocation_are_asked_for_and_opened(
    node: ControlNode, log: Log, world: FoundedPartnership, clock: Clock
) -> None:
    clock.now = STOLEN + 2 * MINUTE
    hear(node, by_a_thief(world, revoking(world)))
    records = sent(log)
    batch = node.member.take(records)
    assert [code for _, _, _, code in batch.refused] == ["key_revoked"] * 2
    assert node.hear(node.topics.heartbeats, beat(world, head(log, 2), at=clock.now)).rejected == [
        "key_unknown"
    ]
    clock.now = WITHDRAWN
    hear(node, withdrawal(world))
    heard = node.hear(node.topics.heartbeats, beat(world, head(log, 2), at=clock.now))
    assert heard.rejected == []
    clock.pass_(WITHHELD_AFTER_MS)
    assert node.watch.look().ask_again == [(origin_of(log), 0, 1)]
    assert len(node.member.take(at_offsets(records, 2)).opened) == 2


def test_a_gap_that_a_void_revocation_left_is_asked_for(
    node: ControlNode, log: Log, world: FoundedPartnership, clock: Clock
) -> None:
    """The records before it had been taken, and the next one shows the gap."""
    before = at_offsets(log.send(value(), at=NOW + 1000))
    node.member.take(before)
    clock.now = STOLEN + 2 * MINUTE
    hear(node, by_a_thief(world, revoking(world)))
    dropped = at_offsets(log.send(value(), at=STOLEN + MINUTE), 1)
    node.member.take(dropped)
    clock.now = WITHDRAWN
    hear(node, withdrawal(world))
    after = at_offsets(log.send(value(), at=WITHDRAWN), 2)
    batch = node.member.take(after)
    assert batch.gaps == [(origin_of(log), 1, 1)]
    assert len(node.member.take(at_offsets(dropped, 3)).opened) == 1


def test_a_party_that_changes_the_void_manifests_holds_up_no_waiting_record(
    node: ControlNode, log: Log, world: FoundedPartnership, clock: Clock
) -> None:
    """A pass ends before the next one begins, and the next one begins ten minutes later."""
    clock.now = STOLEN + 2 * MINUTE
    hear(node, by_a_thief(world, suspending(world)))
    node.member.take(at_offsets(log.send(*[value() for _ in range(5)], at=STOLEN + MINUTE)))
    receiving = node.member.receiving
    judged: list[tuple[int, int]] = []

    def judge(self: Unheard, after: int, codes: Collection[str] = UNHEARD_CODES) -> int:
        passes = codes is not UNHEARD_CODES
        judged.append((passes, after))
        return (after + 1) % 3 if passes else 0

    with node.member.store.transaction() as tx:
        tx.quarantine._connection.execute(update(quarantine).values(status="waiting"))
    with (
        mock.patch.object(Unheard, "judge", judge),
        mock.patch.object(Receiving, "_void_digest", side_effect=lambda: token_bytes(32)),
    ):
        for _ in range(5):
            receiving.judge_unheard(clock.now)
        assert judged == [(0, 0), (1, 0), (0, 0), (1, 1), (0, 0), (1, 2), (0, 0), (0, 0)]
        clock.pass_(VOID_AGAIN_MS)
        receiving.judge_unheard(clock.now)
        assert judged[8:] == [(0, 0), (1, 0)]


def test_a_record_that_cannot_be_judged_yet_is_judged_in_the_next_pass(
    node: ControlNode, log: Log, world: FoundedPartnership, clock: Clock
) -> None:
    clock.now = STOLEN + 2 * MINUTE
    hear(node, by_a_thief(world, suspending(world)))
    node.member.take(sent(log))
    clock.now = WITHDRAWN
    hear(node, withdrawal(world))
    late = RefusedError(6, "wrap_budget", "later")
    with mock.patch("broker.receiving.unheard.open_record", side_effect=late):
        assert node.member.receiving.judge_unheard(clock.now).opened == []
    assert [row.code for row in held(node)] == ["suspended"] * 2
    assert node.member.receiving.judge_unheard(clock.now).opened == []
    clock.pass_(VOID_AGAIN_MS)
    assert len(node.member.receiving.judge_unheard(clock.now).opened) == 2
