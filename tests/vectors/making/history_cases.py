"""Cases of step 4, `equivocation`: a sender that signed two histories, in every way it can show.


The sender reads its own stream, as in ``place_cases``: what stands is not addressed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from broker.tlog.generation_links import GenerationLink
from tests.vectors.making.agencies import COUNCIL, MINUTE, NOW, POLICE, SUPPORT
from tests.vectors.making.place_cases import STOPPED
from tests.vectors.making.scene import NOT_ADDRESSED, Case, Scene
from tests.vectors.making.setting import Setting
from tests.vectors.making.streams import Log

CHECKPOINTS = "streams.md, Checkpoints"


def cases(setting: Setting) -> Iterator[Case]:
    """All of them."""
    yield from _records(setting)
    yield from _batches(setting)
    yield from _fills(setting)
    yield from _links(setting)


def _begun(setting: Setting, what: str) -> tuple[Scene, Log, Log]:
    """A stream with one record, and a second future of it."""
    s = Scene(setting, f"4-equivocation-{what}")
    log = s.log()
    s.then(log.one(b"record 0"), NOT_ADDRESSED)
    return s, log, log.copy()


def _records(setting: Setting) -> Iterator[Case]:
    s = Scene(setting, "4-equivocation-other_record")
    log, events = s.log(), [s.event() for _ in range(4)]
    s.then(log.one(events[0].value()), events[0].answer(COUNCIL))
    fork = log.copy()
    s.then(log.one(events[1].value()), events[1].answer(COUNCIL))
    s.then(fork.one(events[2].value()))
    s.then(log.one(events[3].value()), STOPPED)
    theirs = s.event(source=SUPPORT, to=(COUNCIL, POLICE))
    s.then(s.log(SUPPORT).one(theirs.value()), theirs.answer(COUNCIL))
    elsewhere = s.event()
    s.then(s.log(partition=1).one(elsewhere.value()), elsewhere.answer(COUNCIL))
    yield s.case(
        "Two records at one index: the sender's partition stops for the rest of the file, and no "
        "other stops.",
        spec="streams.md, Equivocation; opening.md, Files",
    )
    s = Scene(setting, "4-equivocation-other_history")
    log = s.log()
    log.restart()
    fork = log.copy()
    s.then(log.one(b"record 0"), NOT_ADDRESSED)
    fork.one(b"another 0")
    s.then(fork.one(b"another 1"))
    s.then(log.one(b"record 1"), STOPPED)
    yield s.case("The next record continues another history than the one held.", agency=POLICE)
    s = Scene(setting, "4-equivocation-jump_over_other_history")
    log = s.log()
    log.restart()
    fork = log.copy()
    for value in (b"record 0", b"record 1"):
        s.then(log.one(value), NOT_ADDRESSED)
        fork.one(b"another")
    fork.one(b"another")
    s.then(fork.one(b"another 3"))
    yield s.case(
        "A jump whose left-hand nodes contain another subtree than is held.", agency=POLICE
    )
    s = Scene(setting, "4-equivocation-jump_to_other_root")
    log = s.log()
    log.restart()
    fork = log.copy()
    s.then(log.send(b"record 0", b"record 1")[0], NOT_ADDRESSED)
    fork.send(b"record 0", b"another 1")
    s.then(fork.one(b"another 2"))
    yield s.case(
        "A jump to the size of the newest checkpoint whose left-hand nodes fold to another root.",
        agency=POLICE,
        spec=CHECKPOINTS,
    )


def _batches(setting: Setting) -> Iterator[Case]:
    s = Scene(setting, "4-equivocation-overlapping_batches")
    log = s.log()
    log.restart()
    fork = log.copy()
    s.then(log.send(b"record 0", b"record 1", b"record 2")[0], NOT_ADDRESSED)
    fork.one(b"record 0")
    s.then(fork.one(b"record 1"))
    yield s.case("The same records in batches that overlap.", agency=POLICE, spec=CHECKPOINTS)
    s = Scene(setting, "4-equivocation-repeat_in_other_batch")
    log = s.log()
    log.restart()
    fork = log.copy()
    s.then(log.one(b"record 0"), NOT_ADDRESSED)
    s.then(fork.send(b"record 0", b"record 1")[0])
    yield s.case(
        "A known record under another checkpoint is no repeat.", agency=POLICE, spec=CHECKPOINTS
    )
    s = Scene(setting, "4-equivocation-two_times")
    log = s.log()
    log.restart()
    fork = log.copy()
    s.then(log.send(b"record 0", b"record 1")[0], NOT_ADDRESSED)
    s.then(fork.send(b"record 0", b"record 1", at=NOW + MINUTE)[1])
    yield s.case("One size and root, signed for two times.", agency=POLICE, spec=CHECKPOINTS)
    s = Scene(setting, "4-equivocation-two_roots")
    log = s.log()
    log.restart()
    fork = log.copy()
    s.then(log.send(b"record 0", b"record 1")[0], NOT_ADDRESSED)
    s.then(fork.send(b"record 0", b"another 1")[1])
    yield s.case("One size with two roots.", agency=POLICE, spec=CHECKPOINTS)
    s, log, fork = _begun(setting, "overlap_below_the_lowest")
    batch = log.send(*(b"record %d" % number for number in range(1, 5)))
    s.then(batch[3], NOT_ADDRESSED, gap=(1, 3))
    s.then(batch[1], NOT_ADDRESSED)
    fork.one(b"record 1")
    s.then(fork.send(b"record 2", b"record 3")[1])
    yield s.case(
        "A fill lowers its checkpoint's lowest index, and no batch may reach above that.",
        agency=POLICE,
        spec=CHECKPOINTS,
    )


def _fills(setting: Setting) -> Iterator[Case]:
    s, log, fork = _begun(setting, "fill_meets_nothing")
    log.one(b"record 1")
    s.then(log.one(b"record 2"), NOT_ADDRESSED, gap=(1, 1))
    s.then(fork.one(b"another 1"))
    yield s.case("A fill that does not meet what came after the gap.", agency=POLICE)
    s, log, fork = _begun(setting, "fill_shows_at_the_end")
    for _ in range(3):
        log.one(b"between")
    s.then(log.one(b"record 4"), NOT_ADDRESSED, gap=(1, 3))
    fill = [fork.one(b"another") for _ in range(3)]
    s.then(fill[0], NOT_ADDRESSED)
    s.then(fill[1], NOT_ADDRESSED)
    s.then(fill[2])
    yield s.case("A forked fill shows only at the gap's end.", agency=POLICE)
    for what, at, about in (
        ("late", NOW + 3 * MINUTE, "A fill that is dated after the checkpoint above it."),
        ("early", NOW - MINUTE, "A fill that is dated before the checkpoint below it."),
    ):
        s, log, fork = _begun(setting, f"fill_{what}")
        log.one(b"record 1", at=NOW + MINUTE)
        s.then(log.one(b"record 2", at=NOW + 2 * MINUTE), NOT_ADDRESSED, gap=(1, 1))
        s.then(fork.one(b"record 1", at=at))
        yield s.case(about, agency=POLICE, spec=CHECKPOINTS)
    s, log, fork = _begun(setting, "fill_of_other_history")
    log.one(b"record 1")
    log.one(b"record 2")
    s.then(log.one(b"record 3"), NOT_ADDRESSED, gap=(1, 2))
    fresh = s.log()
    fresh.newest = log.newest and replace(log.newest, size=0, frontier=bytes(8))
    fresh.one(b"another 0")
    s.then(fresh.one(b"another 1"))
    yield s.case("A fill whose left-hand nodes are not the frontier before the gap.", agency=POLICE)


def _links(setting: Setting) -> Iterator[Case]:
    s, log, _ = _begun(setting, "link_to_other_root")
    assert log.last is not None
    link = GenerationLink(log.last.name, 1, bytes(range(32)), bytes(16))
    log.restart(link, opened=NOW + 1)
    s.then(log.one(b"another 0"))
    yield s.case(
        "A link names another root for a known size.", agency=POLICE, spec="streams.md, Links"
    )
    s = Scene(setting, "4-equivocation-link_to_other_root_of_a_batch")
    log = s.log()
    s.then(log.send(b"record 0", b"record 1")[0], NOT_ADDRESSED)
    assert log.last is not None
    log.restart(GenerationLink(log.last.name, 2, bytes(range(32)), bytes(16)), opened=NOW + 1)
    s.then(log.one(b"another 0"))
    yield s.case(
        "A link names another root for a size of which only the checkpoint is known.",
        agency=POLICE,
        spec="streams.md, Links",
    )
    s = Scene(setting, "4-equivocation-link_into_a_batch")
    log = s.log()
    log.restart()
    shorter = log.copy()
    records = log.send(b"record 0", b"record 1", b"record 2")
    s.then(records[0], NOT_ADDRESSED)
    s.then(records[1], NOT_ADDRESSED)
    shorter.send(b"record 0", b"record 1")
    shorter.restart(opened=NOW + 1)
    s.then(shorter.one(b"another 0"))
    yield s.case(
        "A link names a size inside of a batch, with its right root.",
        agency=POLICE,
        spec="streams.md, Links",
    )
    s, log, _ = _begun(setting, "named_end_not_met")
    last = log.one(b"record 1")
    assert log.last is not None
    log.restart(GenerationLink(log.last.name, 2, bytes(range(32)), bytes(16)), opened=NOW + 1)
    s.then(log.one(b"another 0"), NOT_ADDRESSED, gap=(1, 1))
    s.then(last)
    yield s.case(
        "What fills the end of a generation does not fold to the root that its successor names.",
        agency=POLICE,
        spec="streams.md, Links",
    )
