"""Cases of step 4: where a record stands in its sender's stream, gaps, generations, two histories.

If the content does not matter, the sender reads its own stream: it is no recipient.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from broker.record import Record
from broker.tlog.generation_links import GenerationLink
from broker.tlog.merkle import Frontier
from tests.support.record_parts import as_leaf
from tests.vectors.making.agencies import MINUTE, NOW, POLICE, SECOND, SUPPORT
from tests.vectors.making.scene import NOT_ADDRESSED, REPEAT, Case, Scene
from tests.vectors.making.setting import Setting
from tests.vectors.making.streams import Log

CONTENT_MISSING = {"refused": "content_missing", "step": 4}
SUPERSEDED = {"refused": "superseded", "step": 4}
STOPPED = {"refused": "stream_stopped", "step": 4}
FILES = "opening.md, Files"


def cases(setting: Setting) -> Iterator[Case]:
    """All of them."""
    yield from _within(setting)
    yield from _gaps(setting)
    yield from _leaves(setting)
    yield from _generations(setting)
    yield from _limits(setting)


def numbered(count: int, start: int = 0) -> list[bytes]:
    """Values that are no sealed events."""
    return [b"record %d" % number for number in range(start, start + count)]


def _within(setting: Setting) -> Iterator[Case]:
    s = Scene(setting, "4-repeat-same_record")
    event = s.event()
    one = s.log().one(event.value())
    s.then(one, event.answer("council-camden"))
    s.then(one, REPEAT)
    s.then(one, REPEAT)
    yield s.case("The same record again, and again.")
    s = Scene(setting, "4-repeat-after_refusal")
    odd = s.log().one(s.event(urgency="whenever").value())
    s.then(odd, {"refused": "event_invalid", "step": 10})
    s.then(odd, REPEAT)
    yield s.case("A record that was refused at a later step keeps its place.", spec=FILES)
    s = Scene(setting, "4-repeat-after_deferral")
    odd = s.event()
    odd.contract = bytes(range(32))
    event = s.event()
    log = s.log()
    waits, follows = log.send(odd.value(), event.value())
    s.then(waits, {"refused": "contract_unknown", "step": 6})
    s.then(follows, event.answer("council-camden"))
    s.then(waits, REPEAT)
    yield s.case("A deferral holds nothing back in a file, and keeps its place.", spec=FILES)
    s = Scene(setting, "4-before_start-index")
    first, second = s.log().send(*numbered(2))
    s.then(second, NOT_ADDRESSED)
    s.then(first)
    yield s.case("What lies before the first record met.", agency=POLICE, spec=FILES)
    s = Scene(setting, "4-not_addressed-middle_is_a_start")
    records = s.log().send(*numbered(5))
    s.then(records[3], NOT_ADDRESSED)
    s.then(records[4], NOT_ADDRESSED)
    yield s.case("Any first index starts a stream, and is no gap.", agency=POLICE, spec=FILES)
    s = Scene(setting, "4-log_time_fell-next")
    log = s.log()
    s.then(log.one(b"record 0", at=NOW + MINUTE), NOT_ADDRESSED)
    s.then(log.one(b"record 1", at=NOW + MINUTE - SECOND))
    yield s.case("The next record is dated before the last.", agency=POLICE)
    s = Scene(setting, "4-log_time_fell-jump")
    log = s.log()
    s.then(log.one(b"record 0", at=NOW + MINUTE), NOT_ADDRESSED)
    log.one(b"record 1", at=NOW)
    s.then(log.one(b"record 2", at=NOW))
    s.then(log.one(b"record 3", at=NOW + MINUTE), NOT_ADDRESSED, gap=(1, 2))
    yield s.case("A jump that is dated before the last record moves nothing.", agency=POLICE)
    s = Scene(setting, "4-log_time_fell-link")
    log = s.log()
    s.then(log.one(b"record 0", at=NOW + MINUTE), NOT_ADDRESSED)
    log.restart()
    s.then(log.one(b"record 0", at=NOW))
    yield s.case("A new generation that is dated before the last record.", agency=POLICE)


def _gaps(setting: Setting) -> Iterator[Case]:
    s = Scene(setting, "4-gap-jump")
    events = [s.event() for _ in range(4)]
    records = s.log().send(*(event.value() for event in events))
    s.then(records[0], events[0].answer("council-camden"))
    s.then(records[3], events[3].answer("council-camden"), gap=(1, 2))
    s.then(records[2], events[2].answer("council-camden"))
    s.then(records[1], events[1].answer("council-camden"))
    s.then(records[2], REPEAT)
    yield s.case("A jump names the gap, once; what fills it late is opened.", spec=FILES)
    s = Scene(setting, "4-gap-refused_record")
    log = s.log()
    records = log.send(b"record 0", b"record 1", s.event(urgency="whenever").value())
    s.then(records[0], {"refused": "value_malformed", "step": 5})
    s.then(records[2], {"refused": "event_invalid", "step": 10}, gap=(1, 1))
    yield s.case("The gap is told with the record that reveals it, refused or not.", spec=FILES)
    s = Scene(setting, "4-gap-split_and_closed")
    log = s.log()
    records = [log.one(value) for value in numbered(8)]
    for index, gap in ((0, None), (7, (1, 6)), (4, None), (2, None), (1, None), (3, None)):
        s.then(records[index], NOT_ADDRESSED, gap=gap)
    for index in (5, 6):
        s.then(records[index], NOT_ADDRESSED)
    s.then(log.one(b"record 8"), NOT_ADDRESSED)
    yield s.case("A gap that is filled from its middle, split, and closed.", agency=POLICE)
    s = Scene(setting, "4-gap-two")
    log = s.log()
    records = [log.one(value) for value in numbered(6)]
    s.then(records[0], NOT_ADDRESSED)
    s.then(records[2], NOT_ADDRESSED, gap=(1, 1))
    s.then(records[5], NOT_ADDRESSED, gap=(3, 4))
    s.then(records[1], NOT_ADDRESSED)
    s.then(records[1], REPEAT)
    yield s.case("Two gaps, of which one is filled.", agency=POLICE)
    s = Scene(setting, "4-gap-partitions")
    here, there, theirs = s.log(), s.log(partition=1), s.log(SUPPORT)
    for log in (here, there):
        s.then(log.one(b"record 0"), NOT_ADDRESSED)
    log = here
    log.one(b"record 1")
    s.then(log.one(b"record 2"), NOT_ADDRESSED, gap=(1, 1))
    s.then(there.one(b"record 1"), NOT_ADDRESSED)
    s.then(theirs.one(b"record 0"), {"refused": "value_malformed", "step": 5})
    yield s.case("Each sender's partition is a stream of its own.", agency=POLICE)


def _leaves(setting: Setting) -> Iterator[Case]:
    s = Scene(setting, "4-content_missing-fill")
    events = [s.event() for _ in range(3)]
    records = s.log().send(*(event.value() for event in events))
    s.then(records[0], events[0].answer("council-camden"))
    s.then(records[2], events[2].answer("council-camden"), gap=(1, 1))
    s.then(as_leaf(records[1]))
    s.then(as_leaf(records[1]), REPEAT)
    s.then(records[1], events[1].answer("council-camden"))
    s.then(records[1], REPEAT)
    s.then(as_leaf(records[1]), REPEAT)
    yield s.case("A leaf replay fills a gap; the full record is opened if it comes.", spec=FILES)
    s = Scene(setting, "4-leaf_not_wanted-start")
    s.then(as_leaf(s.log().one(b"record 0")))
    yield s.case("A leaf replay is never a start.", agency=POLICE)
    s = Scene(setting, "4-leaf_not_wanted-head")
    log = s.log()
    s.then(log.one(b"record 0"), NOT_ADDRESSED)
    second, third = log.send(b"record 1", b"record 2")
    s.then(as_leaf(second))
    s.then(as_leaf(third))
    s.then(third, NOT_ADDRESSED, gap=(1, 1))
    yield s.case("A leaf replay is neither next nor a jump.", agency=POLICE)
    s = Scene(setting, "4-leaf_not_wanted-generation")
    log = s.log()
    s.then(log.one(b"record 0"), NOT_ADDRESSED)
    log.restart()
    s.then(as_leaf(log.one(b"record 0")))
    yield s.case("A leaf replay opens no generation.", agency=POLICE)
    s = Scene(setting, "4-repeat-leaf_of_known")
    log = s.log()
    one = log.one(b"record 0")
    s.then(one, NOT_ADDRESSED)
    s.then(as_leaf(one), REPEAT)
    yield s.case("A leaf replay of what is held is a repeat.", agency=POLICE)


# --- generations ----------------------------------------------------------------------------------


def _generations(setting: Setting) -> Iterator[Case]:
    s = Scene(setting, "4-not_addressed-link")
    log = s.log()
    s.then(log.one(b"record 0"), NOT_ADDRESSED)
    s.then(log.one(b"record 1"), NOT_ADDRESSED)
    log.restart()
    s.then(log.one(b"another 0"), NOT_ADDRESSED)
    s.then(log.one(b"another 1"), NOT_ADDRESSED)
    log.restart()
    log.restart()
    s.then(log.one(b"a third 0"), NOT_ADDRESSED)
    yield s.case("New generations, each naming the last one that holds a record.", agency=POLICE)
    s = Scene(setting, "4-gap-link_names_more")
    log = s.log()
    s.then(log.one(b"record 0"), NOT_ADDRESSED)
    missing = [log.one(b"record 1"), log.one(b"record 2")]
    log.restart()
    s.then(log.one(b"another 0"), NOT_ADDRESSED, gap=(1, 2))
    for one in missing:
        s.then(one, NOT_ADDRESSED)
    yield s.case("A link to more than is held: the rest is a gap, and is filled.", agency=POLICE)
    s = Scene(setting, "4-gap-generation_never_met")
    log = s.log()
    s.then(log.one(b"record 0"), NOT_ADDRESSED)
    log.restart()
    missing = [log.one(b"another 0"), log.one(b"another 1")]
    log.restart()
    s.then(log.one(b"a third 0"), NOT_ADDRESSED, gap=(0, 1))
    s.then(missing[1], NOT_ADDRESSED)
    s.then(missing[0], NOT_ADDRESSED)
    yield s.case("A link to a generation that was never met: all of it is a gap.", agency=POLICE)
    s = Scene(setting, "4-gap-fill_of_index_0_reveals")
    log = s.log()
    s.then(log.one(b"record 0"), NOT_ADDRESSED)
    log.one(b"record 1")
    log.restart()
    first, second = log.one(b"another 0"), log.one(b"another 1")
    s.then(second, NOT_ADDRESSED, gap=(0, 0))
    s.then(first, NOT_ADDRESSED, gap=(1, 1))
    yield s.case(
        "A generation that is met above index 0; its index 0, late, reveals what its predecessor "
        "lacks.",
        agency=POLICE,
    )
    s = Scene(setting, "4-superseded-rolled_back")
    log = s.log()
    s.then(log.one(b"record 0"), NOT_ADDRESSED)
    restored = log.copy()
    for value in numbered(2, 1):
        s.then(log.one(value), NOT_ADDRESSED)
    beyond = log.one(b"record 3")
    restored.restart()
    s.then(restored.one(b"another 0"), NOT_ADDRESSED)
    s.then(beyond)
    s.then(restored.one(b"another 1"), NOT_ADDRESSED)
    yield s.case(
        "A sender goes back on what it signed: the newer generation is followed, the older one "
        "ends at its head.",
        agency=POLICE,
    )
    s = Scene(setting, "4-superseded-gap_above_the_end")
    log = s.log()
    s.then(log.one(b"record 0"), NOT_ADDRESSED)
    restored = log.copy()
    lost = log.one(b"record 1")
    held = log.one(b"record 2")
    s.then(held, NOT_ADDRESSED, gap=(1, 1))
    restored.restart()
    s.then(restored.one(b"another 0"), NOT_ADDRESSED)
    s.then(lost)
    s.then(held, REPEAT)
    yield s.case("What a rollback passes over will never come; what is held stays.", agency=POLICE)
    s = Scene(setting, "4-superseded-lowest_successor")
    log = s.log()
    s.then(log.one(b"record 0"), NOT_ADDRESSED)
    first = log.one(b"record 1")
    restored = log.copy()
    second = log.one(b"record 2")
    s.then(log.one(b"record 3"), NOT_ADDRESSED, gap=(1, 2))
    log.restart(opened=NOW + 1)
    s.then(log.one(b"another 0"), NOT_ADDRESSED)
    restored.restart(opened=NOW + 2)
    s.then(restored.one(b"a third 0"), NOT_ADDRESSED)
    s.then(second)
    s.then(first, NOT_ADDRESSED)
    yield s.case("Of two successors of a generation the lowest named size counts.", agency=POLICE)
    s = Scene(setting, "4-unlinked")
    log = s.log()
    s.then(log.one(b"record 0"), NOT_ADDRESSED)
    side = log.copy()
    side.restart(opened=NOW + 1)
    log.restart(opened=NOW + 2)
    s.then(log.one(b"another 0"), NOT_ADDRESSED)
    s.then(side.one(b"beside 0"))
    yield s.case(
        "A generation between the start and the newest that nothing leads to.", agency=POLICE
    )
    s = Scene(setting, "4-before_start-generation")
    log = s.log()
    early = log.one(b"record 0")
    log.restart()
    s.then(log.one(b"another 0"), NOT_ADDRESSED)
    s.then(early)
    yield s.case("A generation from before the first one met.", agency=POLICE, spec=FILES)
    s = Scene(setting, "4-not_addressed-start_names_a_predecessor")
    log = s.log()
    log.send(*numbered(3))
    log.restart()
    s.then(log.one(b"another 0"), NOT_ADDRESSED)
    yield s.case(
        "A start that names a predecessor is a start: what lies before is no gap.",
        agency=POLICE,
        spec=FILES,
    )
    s = Scene(setting, "4-not_addressed-link_before_start")
    log = s.log()
    early = log.copy()
    early.one(b"record 0", at=NOW)
    log.opened = 7
    log.restart(opened=NOW + 1)
    s.then(log.one(b"another 0"), NOT_ADDRESSED)
    log.last = early.last
    log.restart(opened=NOW + 2)
    s.then(log.one(b"a third 0"), NOT_ADDRESSED)
    yield s.case(
        "A link to a generation before the reader's start is a rollback, and followed.",
        agency=POLICE,
    )
    s = Scene(setting, "4-not_addressed-link_below_first_index")
    log = s.log()
    log.send(*numbered(2))
    s.then(log.one(b"record 2"), NOT_ADDRESSED)
    assert log.last is not None
    log.restart(GenerationLink(log.last.name, 2, bytes(range(32)), bytes(16)), opened=NOW + 1)
    s.then(log.one(b"another 0"), NOT_ADDRESSED)
    yield s.case(
        "A link to a size at or below the reader's first index is compared with nothing.",
        agency=POLICE,
        spec="streams.md, Links",
    )
    s = Scene(setting, "4-generations_many")
    log = s.log()
    s.then(log.one(b"record 0"), NOT_ADDRESSED)
    for number in range(63):
        log.restart()
        log.one(b"never met")
        s.then(log.one(b"another 1 of %d" % number), NOT_ADDRESSED, gap=(0, 0))
    log.restart()
    log.one(b"never met")
    s.then(log.one(b"one too many"))
    yield s.case("A 65th generation of a partition whose generations all have gaps.", agency=POLICE)
    s = Scene(setting, "4-gap-generations_passed_over")
    log = s.log()
    s.then(log.one(b"record 0"), NOT_ADDRESSED)
    honest = log.copy()
    for number in range(64):
        log.restart()
        closing = log.one(b"of a thief")  # the first closes record 0's generation
        if not number:
            s.then(closing, NOT_ADDRESSED)
            log.one(b"never met")
            s.then(log.one(b"another 2"), NOT_ADDRESSED, gap=(1, 1))
        else:
            s.then(log.one(b"another 1 of %d" % number), NOT_ADDRESSED, gap=(0, 0))
    honest.restart(opened=NOW + 1000)
    s.then(honest.one(b"record 1"), NOT_ADDRESSED)
    honest.one(b"never met either")
    s.then(honest.one(b"record 3"), NOT_ADDRESSED, gap=(1, 1))
    yield s.case("64 generations, all with gaps, over which the next one passes.", agency=POLICE)
    s = Scene(setting, "4-gap-generations_forgotten")
    log = s.log()
    records = [log.one(b"record 0")]
    s.then(records[0], NOT_ADDRESSED)
    for number in range(64):
        log.restart()
        records.append(log.one(b"generation %d" % number))
        s.then(records[-1], NOT_ADDRESSED)
    s.then(records[0], {"refused": "before_start", "step": 4})
    s.then(records[1], REPEAT)
    log.one(b"never met")
    s.then(log.one(b"the last"), NOT_ADDRESSED, gap=(1, 1))
    yield s.case("Of 65 complete generations the oldest is forgotten.", agency=POLICE)


FAR = 2**62
"""An index of 63 binary digits whose frontier is one node: much state for a short record."""


def _far(log: Log) -> Record:
    """The record at index ``FAR`` of a new generation."""
    log.restart()
    assert log.newest is not None
    log.newest = replace(log.newest, size=FAR, frontier=Frontier(FAR, (bytes(32),)).to_bytes())
    return log.one(b"far")


def _limits(setting: Setting) -> Iterator[Case]:
    """8 MiB of one sender's state: a start counts 8,576 bytes, a generation with its gap 8,640."""
    s = Scene(setting, "4-state_full")
    for partition in range(15):
        log = s.log(partition=partition)
        s.then(_far(log), NOT_ADDRESSED)
        for _ in range(63):
            s.then(_far(log), NOT_ADDRESSED, gap=(0, FAR - 1))
    log = s.log(partition=15)
    s.then(_far(log), NOT_ADDRESSED)
    for _ in range(10):
        s.then(_far(log), NOT_ADDRESSED, gap=(0, FAR - 1))
    more = log.copy()
    s.then(_far(more), {"refused": "state_full", "step": 4})
    s.then(log.one(b"next"), NOT_ADDRESSED)
    s.then(_far(more))
    yield s.case(
        "192 bytes are left of 8 MiB: a stream goes on, and another generation waits.",
        agency=POLICE,
        spec="streams.md, Limits",
    )
