"""Queries and roots of the remembered part agree with the entries."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.audit.entries import EntryKind, NewLogEntry, Share, format_entry
from broker.audit.entry_shape import EntryShape, shape_of
from broker.audit.log import entry_leaf
from broker.audit.remembered_log import RememberedLog
from broker.store.rows import DisclosureRow
from broker.tlog.merkle import Frontier

KINDS: tuple[EntryKind, ...] = ("disclosure", "erasure", "refusal")
ENTRIES = st.lists(
    st.builds(
        NewLogEntry,
        kind=st.sampled_from(KINDS),
        time_ms=st.integers(0, 50),
        case_key=st.sampled_from([None, b"a" * 32, b"b" * 32]),
        shares=st.sampled_from([(), (Share(("council",), {"victim.name": "4"}),)]),
        recipients=st.sampled_from([(), ("council",), ("haven",)]),
    ),
    max_size=40,
)


def row_of(index: int, entry: NewLogEntry) -> DisclosureRow:
    text = format_entry(entry)
    salt = index.to_bytes(32, "big")
    leaf = entry_leaf(salt, text)
    return DisclosureRow(index, entry.time_ms, entry.kind, entry.case_key, salt, text, leaf)


def remembered(entries: list[NewLogEntry]) -> RememberedLog:
    part = RememberedLog()
    for index, entry in enumerate(entries):
        part.add(row_of(index, entry), entry)
    return part


@given(
    entries=ENTRIES,
    kind=st.sampled_from([None, *KINDS]),
    recipient=st.sampled_from(["", "council"]),
    since=st.none() | st.integers(0, 50),
    until=st.none() | st.integers(0, 50),
    before=st.none() | st.integers(0, 50),
    limit=st.integers(1, 10),
)
def test_the_newest_entries_are_those_of_a_search_through_all(
    entries: list[NewLogEntry],
    kind: EntryKind | None,
    recipient: str,
    since: int | None,
    until: int | None,
    before: int | None,
    limit: int,
) -> None:
    def accepts(shape: EntryShape) -> bool:
        named = not recipient or recipient in shape.recipients
        return named and kind in {None, shape.kind}

    expected = [
        index
        for index, entry in enumerate(entries)
        if accepts(shape_of(entry))
        and (since is None or entry.time_ms >= since)
        and (until is None or entry.time_ms < until)
        and (before is None or index < before)
    ]
    found = remembered(entries).newest(accepts, since, until, before, limit)
    assert found == (expected[-limit:], len(expected))


@given(ENTRIES)
def test_the_entries_of_a_case_are_found(entries: list[NewLogEntry]) -> None:
    part = remembered(entries)
    for key in (b"a" * 32, b"b" * 32, b"c" * 32):
        assert part.of_case(key) == [
            index for index, entry in enumerate(entries) if entry.case_key == key
        ]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512, 600])
def test_each_root_is_that_of_its_entries(size: int) -> None:
    entries = [NewLogEntry("refusal", number) for number in range(600)]
    part = remembered(entries)
    leaves = [row_of(index, entry).leaf for index, entry in enumerate(entries)]
    assert part.root_at(size) == Frontier().extend(leaves[:size]).root()


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512, 600])
def test_a_part_that_was_cut_continues_as_if_it_had_never_been_longer(size: int) -> None:
    first = [NewLogEntry("refusal", number) for number in range(600)]
    others = [replace(entry, kind="erasure") for entry in first]
    part = remembered(first)
    part.cut(size)
    assert part.size == size
    for index in range(size, 600):
        part.add(row_of(index, others[index]), others[index])
    whole = remembered([*first[:size], *others[size:]])
    assert part.frontier == whole.frontier
    assert part.root_at(300) == whole.root_at(300)
    assert part.newest(lambda shape: shape.kind == "erasure", None, None, None, 700) == (
        list(range(size, 600)),
        600 - size,
    )
