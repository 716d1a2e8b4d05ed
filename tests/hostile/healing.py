"""After the lies: the host tells the truth, and everything that was honestly sent arrives.

News is shown to all, readers read from their own positions, heartbeats say what is missing, the
watch asks for it and senders publish it again. Then the frontiers meet, nothing waits, every
honest event is in the inbox of those to whom it was sent, once and as it was sent, and no honest
sender stands accused; one of whom a reader was shown both histories does.
"""

from __future__ import annotations

from broker.control.own_statements import OwnStatements
from broker.judging.partition_state import PartitionState
from broker.receiving.inbox_payload import parse_payload
from broker.record import KafkaPartition
from broker.store.rows import GenerationRow
from broker.tlog.checkpoint import GenerationPlace, Place
from broker.tlog.merkle import Frontier
from tests.hostile.hostile_kafka import Served
from tests.hostile.hostile_world import TALLY, HostileWorld
from tests.hostile.parties import Party
from tests.hostile.senders import Name
from tests.hostile.town import CASE_UPDATE, READERS, SENDERS
from tests.support.founded_partnership import MINUTE, POLICE, SECOND
from tests.support.memory_agency import replay_all
from tests.support.record_parts import proof_of

ROUNDS = 14
"""Rounds of heartbeats and replays; each may reveal one more generation that was withheld."""


def heal(world: HostileWorld) -> None:
    """Tell the truth until the frontiers meet, then compare everything."""
    world.kafka.failing = 0
    for sender in SENDERS:
        world.send(world.parties[sender])
    if world.abandoned:  # a sender that went back says so with its next record
        world.publish([(0, 0), (0, 1), (CASE_UPDATE, 0), (CASE_UPDATE, 1)])
    for reader in READERS:
        world.parties[reader].hear(*world.news)
        for place in world.places:  # offsets go on where this reader is
            position = world.parties[reader].position(place)
            if position > world.kafka.end(reader, place):
                world.kafka.forget(reader, place, position)
    _show_the_other_history(world)
    for number in range(ROUNDS):
        for reader in READERS:
            party = world.parties[reader]
            party.start_reader()  # judged again from its own position
            for place in world.places:
                world.kafka.deliver(reader, place, 1_000_000)
                world.read(reader, place)
        # the first round begins the ten minutes that an unknown key may take, the second ends them
        world.clock.pass_(11 * MINUTE if number == 0 else 31 * SECOND)
        if number and not _ask(world):
            break
    else:
        raise AssertionError("the frontiers did not meet")
    for reader in READERS:
        _compare(world, world.parties[reader])
        world.search(reader)
    TALLY.healed += 1


def _show_the_other_history(world: HostileWorld) -> None:
    """Deliver both histories to each reader that met a forked record."""
    for reader, _, place in sorted(world.tainted):
        for records in (world.forked[place], world.truth(place)) * 2:
            for record in records:
                world.kafka.serve(reader, Served(record, record), place)


def _ask(world: HostileWorld) -> bool:
    """Exchange heartbeats, requests and replays. Return True if anything is still missing."""
    missing = False
    for reader in READERS:
        party = world.parties[reader]
        for sender in SENDERS:
            news = party.hear(world.parties[sender].heartbeat())
            if news.rejected:  # it contradicts a history that was shown here: nothing is asked for
                assert any(tainted[:2] == (reader, sender) for tainted in world.tainted)
                missing = _show_all(world, reader) or missing
    world.clock.pass_(11 * SECOND)
    for reader in READERS:
        party = world.parties[reader]
        found = party.look()
        for origin, first, last in found.ask_again:
            if (reader, origin.agency, origin.kafka_partition) in world.tainted:
                continue  # of two histories there may be nothing that would fill a gap
            state = party.state(origin.agency, origin.kafka_partition)
            if state is not None and origin.generation < state.start:
                continue  # named by a heartbeat before this reader began after it
            sender = world.parties[origin.agency]
            # it may have gone back before all of it
            if not world.runner.run(replay_all(sender.relay, origin.log, first, last)):
                place = origin.kafka_partition
                asked = {
                    (sender.agency, place, origin.generation, i) for i in range(first, last + 1)
                }
                assert asked <= world.abandoned, (reader, origin, first, last)
                continue
            missing = True
        lacking = {one for one in world.leaves[reader] - world.abandoned if one[0] != reader}
        if any((reader, sender, place) not in world.tainted for sender, place, _, _ in lacking):
            missing = True  # a leaf closes a gap without its content: it is asked for in its time
    return missing


def _show_all(world: HostileWorld, reader: str) -> bool:
    """Serve every record ever sent, once. Return True if there was one."""
    if reader in world.shown:
        return False
    world.shown.add(reader)
    for place in world.places:
        for record in (*world.truth(place), *world.truth(place)):
            world.kafka.serve(reader, Served(record, record), place)
    return True


def _compare(world: HostileWorld, party: Party) -> None:
    reader = party.agency
    with party.store.reading() as tx:
        evidence = tx.evidence.list()
        rows = tx.inbox.undelivered(1_000_000)
    stored = {row.event_id: parse_payload(row.payload or b"") for row in rows}
    assert len(stored) == len(rows)
    assert stored.keys() == world.opened[reader]
    for event_id, event in stored.items():
        assert event.flat == world.said[event_id].readable[reader]
    assert party.verify_log() >= len(rows)
    accused = {tuple(row.origin.split("/")[1:4]) for row in evidence}
    for row in evidence:
        assert row.text_a != row.text_b
        assert row.text_a
        assert row.text_b
    for sender in SENDERS:
        for place in world.places:
            if (reader, sender, place) in world.tainted:
                _compare_forked(world, party, place)
                continue
            assert (sender, place[0], str(place[1])) not in accused
            head = _head(world.parties[sender], place)
            if head is not None and sender != reader:  # nobody asks itself for its own records
                _compare_honest(world, party, sender, place, head)


def _compare_honest(
    world: HostileWorld, party: Party, sender: str, place: KafkaPartition, head: GenerationRow
) -> None:
    state = party.state(sender, place)
    assert state is not None
    assert not state.stopped
    assert state.newest == head.name
    newest = state.generations[head.name]
    assert newest.frontier == Frontier.from_bytes(head.frontier)
    lost = lost_for_good(world, party, sender, state, place)
    with party.store.reading() as tx:
        stated = OwnStatements._receiptable(tx, Place(sender, *place))
    assert stated == (None if lost else (head.name, head.size, head.root)), lost
    assert sender not in party.waiting(place)
    start = (state.start, state.generations[state.start].start)
    for record in world.truth(place):
        position = world.position(record)
        if position.sender != sender or position.name in world.abandoned:
            continue
        if (position.generation, position.index) >= start:
            assert position.name in world.placed[party.agency], position


def lost_for_good(
    world: HostileWorld, party: Party, sender: str, state: PartitionState, place: KafkaPartition
) -> set[Name]:
    """Gaps and leaves of skipped generations, for which receipts wait in vain.

    Their sender went back before them and holds nothing of them (docs/spec/streams.md, "Records
    that their sender lost"). Nothing else may be left, and people were told.
    """
    gaps: set[Name] = set()
    leaves: set[Name] = set()
    with party.store.reading() as tx:
        for held in state.generations.values():
            at = GenerationPlace(sender, *place, held.name)
            indices = (i for gap in held.gaps for i in range(gap.first, gap.last + 1))
            gaps |= {(sender, place, held.name, i) for i in indices}
            marked = tx.reader_logs.missing_content(at, 0, 1_000_000)
            end = held.size if held.end is None else held.end
            leaves |= {(sender, place, held.name, i) for i in marked if i < end}
    told = {code for agency, code in party.alarms if agency == sender}
    assert not gaps or {"gap", "rollback"} <= told
    assert not leaves or {"content_missing", "rollback"} <= told
    with world.parties[sender].store.reading() as tx:
        chain, row = set(), tx.streams.current(place)
        while row is not None:
            chain.add(row.name)
            row = tx.streams.named(GenerationPlace(sender, *place, row.predecessor))
        for name in gaps | leaves:
            _, _, generation, index = name
            assert generation not in chain
            assert not tx.outbox.archived(GenerationPlace(sender, *place, generation), index, index)
    assert gaps | leaves <= world.abandoned
    return gaps | leaves


def _compare_forked(world: HostileWorld, party: Party, place: KafkaPartition) -> None:
    """Both histories of an index that counts were shown: the sender stands, with evidence."""
    state = party.state(POLICE, place)
    if state is None:
        return
    said: dict[tuple[str, int], set[tuple[bytes | None, bytes]]] = {}
    start = (state.start, state.generations[state.start].start)
    for record in (*world.truth(place), *world.forked[place]):
        position = world.position(record)
        counts = (
            position.generation,
            position.index,
        ) >= start and position.name not in world.abandoned
        held = state.generations.get(position.generation)
        if held is not None and held.end is not None and position.index >= held.size:
            continue  # above what its successor closed: superseded, whichever history it is of
        if position.sender == POLICE and counts:
            checkpoint = proof_of(record).partition(b"\n\n")[2]
            at = (position.generation, position.index)
            said.setdefault(at, set()).add((record.value, checkpoint))
    if any(len(values) > 1 for values in said.values()):
        assert state.stopped
        assert (POLICE, "equivocation") in party.alarms


def _head(sender: Party, place: KafkaPartition) -> GenerationRow | None:
    with sender.store.reading() as tx:
        heads = [row for row in tx.streams.heads() if row.kafka_partition == place]
    return heads[0] if heads and heads[0].size else None
