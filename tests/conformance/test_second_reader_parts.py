"""The parts of the second reader that have an answer of their own: trees, continuity, padding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conformance import continuity, contract_form, json_form, merkle
from tests.conformance.continuity import Partition, Placement, Verdict
from tests.conformance.conventions import parse_time, sha256
from tests.conformance.envelope import padded_length
from tests.conformance.generations import Seen
from tests.conformance.keys import SMALL_ORDER_Y, P
from tests.conformance.proofs import Link
from tests.conformance.refusals import MalformedError, RefusedError
from tests.conformance.view import load_view


def leaves(count: int, salt: str = "") -> list[bytes]:
    return [sha256(f"{salt}{index}".encode()) for index in range(count)]


def root_of(nodes: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it is written there."""
    if len(nodes) < 2:
        return nodes[0] if nodes else merkle.EMPTY_ROOT
    split = 1 << (len(nodes) - 1).bit_length() - 1
    return merkle.node_hash(root_of(nodes[:split]), root_of(nodes[split:]))


def path_of(index: int, nodes: Sequence[bytes]) -> list[bytes]:
    """RFC 6962, section 2.1.1, as it is written there."""
    if len(nodes) < 2:
        return []
    split = 1 << (len(nodes) - 1).bit_length() - 1
    if index < split:
        return [*path_of(index, nodes[:split]), root_of(nodes[split:])]
    return [*path_of(index - split, nodes[split:]), root_of(nodes[:split])]


def seen(
    log: Sequence[bytes],
    index: int,
    *,
    size: int | None = None,
    time: int = 0,
    leaf_only: bool = False,
) -> Seen:
    batch = log[: index + 1 if size is None else size]
    walked = merkle.follow(log[index], index, len(batch), path_of(index, batch))
    assert walked is not None
    root, left = walked
    return Seen(index, log[index], left, len(batch), root, time or index + 1, leaf_only)


def link_to(name: str, log: Sequence[bytes]) -> Link:
    return Link(name, len(log), root_of(log), bytes(16))


def code_of(partition: Partition, name: str, record: Seen, link: Link | None = None) -> str:
    with pytest.raises(RefusedError) as caught:
        partition.place(name, record, link)
    assert caught.value.step == 4
    return caught.value.code


def take(partition: Partition, name: str, record: Seen, link: Link | None = None) -> Placement:
    return partition.place(name, record, link)


def test_a_path_leads_to_the_root_and_shows_the_frontier_before_it() -> None:
    for size in range(1, 20):
        log = leaves(size)
        frontier: merkle.Frontier = {}
        for index in range(size):
            walked = merkle.follow(log[index], index, size, path_of(index, log))
            assert walked == (root_of(log), frontier)
            frontier = merkle.append(frontier, index, log[index])
            assert merkle.fold(frontier) == root_of(log[: index + 1])


def test_a_path_of_another_length_leads_nowhere() -> None:
    log = leaves(7)
    path = path_of(3, log)
    assert merkle.follow(log[3], 3, 7, path[:-1]) is None
    assert merkle.follow(log[3], 3, 7, [*path, path[0]]) is None
    assert merkle.follow(log[3], 7, 7, path) is None


def test_a_gap_is_told_once_and_closes_in_any_order() -> None:
    log, stream = leaves(9), Partition()
    take(stream, "a", seen(log, 0))
    assert take(stream, "a", seen(log, 8)) == Placement(Verdict.JUMP, (1, 7))
    for index in (4, 1, 7, 2, 3, 6, 5):
        assert take(stream, "a", seen(log, index)) == Placement(Verdict.FILL)
    assert take(stream, "a", seen(log, 4)) == Placement(Verdict.REPEAT)
    assert not stream.generations["a"].gaps


def test_a_forked_fill_shows_at_the_latest_when_the_gap_closes() -> None:
    log, fork, stream = leaves(6), leaves(6), Partition()
    fork[3] = sha256(b"another history")
    take(stream, "a", seen(log, 0))
    take(stream, "a", seen(log, 5))
    for index in (1, 2, 3):
        take(stream, "a", seen(fork, index))
    assert code_of(stream, "a", seen(fork, 4)) == "equivocation"
    assert code_of(stream, "a", seen(log, 4)) == "stream_stopped"


@pytest.mark.parametrize("index", [4, 5])
def test_another_history_at_or_after_the_head_is_equivocation(index: int) -> None:
    log, stream = leaves(6), Partition()
    fork = [sha256(b"another history"), *log[1:]]
    for each in range(4):
        take(stream, "a", seen(log, each))
    assert code_of(stream, "a", seen(fork, index)) == "equivocation"


def test_batches_may_not_overlap() -> None:
    log, stream = leaves(8), Partition()
    take(stream, "a", seen(log, 0))
    take(stream, "a", seen(log, 4, size=6))
    assert code_of(stream, "a", seen(log, 3, size=5)) == "equivocation"


def test_the_log_time_of_what_is_new_does_not_fall() -> None:
    log, stream = leaves(4), Partition()
    take(stream, "a", seen(log, 0, time=9))
    assert code_of(stream, "a", seen(log, 1, time=8)) == "log_time_fell"
    assert take(stream, "a", seen(log, 1, time=9)) == Placement(Verdict.NEXT)


def test_a_link_to_more_than_is_held_reveals_a_gap_of_the_predecessor() -> None:
    log, later, stream = leaves(5), leaves(3, "b"), Partition()
    take(stream, "a", seen(log, 0))
    linked = seen(later, 0, time=9)
    assert take(stream, "b", linked, link_to("a", log)) == Placement(Verdict.LINK, (1, 4))
    for index in (1, 2, 3):
        take(stream, "a", seen(log, index))
    forked = [*log[:4], sha256(b"another history")]
    assert code_of(stream, "a", seen(forked, 4)) == "equivocation"


def test_a_generation_that_was_never_met_is_all_gap() -> None:
    first, never, later, stream = leaves(2, "a"), leaves(2, "b"), leaves(1, "c"), Partition()
    take(stream, "a", seen(first, 0))
    linked = seen(later, 0, time=9)
    assert take(stream, "c", linked, link_to("b", never)) == Placement(Verdict.LINK, (0, 1))
    filled = take(stream, "b", seen(never, 0), link_to("a", first))
    assert filled == Placement(Verdict.FILL, (1, 1))
    assert take(stream, "a", seen(first, 1)) == Placement(Verdict.FILL)


def test_after_a_rollback_the_newer_generation_is_followed() -> None:
    log, later, stream = leaves(5), leaves(2, "b"), Partition()
    for index in range(5):
        take(stream, "a", seen(log, index))
    take(stream, "b", seen(later, 0, time=9), link_to("a", log[:2]))
    assert take(stream, "b", seen(later, 1, time=9)) == Placement(Verdict.NEXT)
    assert code_of(stream, "a", seen(leaves(6), 5, time=9)) == "superseded"
    assert take(stream, "a", seen(log, 4)) == Placement(Verdict.REPEAT)


def test_a_link_that_contradicts_the_head_is_equivocation() -> None:
    log, later, stream = leaves(2), leaves(1, "b"), Partition()
    take(stream, "a", seen(log, 0))
    take(stream, "a", seen(log, 1))
    lie = Link("a", 2, sha256(b"another history"), bytes(16))
    assert code_of(stream, "b", seen(later, 0, time=9), lie) == "equivocation"


def test_a_leaf_replay_only_fills_and_its_content_may_still_come() -> None:
    log, stream = leaves(4), Partition()
    assert code_of(stream, "a", seen(log, 0, leaf_only=True)) == "leaf_not_wanted"
    take(stream, "a", seen(log, 0))
    take(stream, "a", seen(log, 2))
    assert code_of(stream, "a", seen(log, 3, leaf_only=True)) == "leaf_not_wanted"
    assert take(stream, "a", seen(log, 1, leaf_only=True)) == Placement(Verdict.FILL)
    assert take(stream, "a", seen(log, 1, leaf_only=True)) == Placement(Verdict.REPEAT)
    assert take(stream, "a", seen(log, 1)) == Placement(Verdict.FILL)
    assert take(stream, "a", seen(log, 1)) == Placement(Verdict.REPEAT)


def test_a_record_before_the_start_or_without_a_link_is_not_taken() -> None:
    log, stream = leaves(4), Partition()
    take(stream, "b", seen(log, 2))
    assert code_of(stream, "b", seen(log, 1)) == "before_start"
    assert code_of(stream, "a", seen(log, 3)) == "before_start"
    assert take(stream, "d", seen(log, 1, time=9)) == Placement(Verdict.JUMP, (0, 0))
    assert code_of(stream, "c", seen(log, 0, time=9)) == "unlinked"


def test_of_too_many_generations_only_complete_ones_are_forgotten() -> None:
    stream, log = Partition(), leaves(2)
    take(stream, "000", seen(log, 0))
    for number in range(1, 64):
        take(stream, f"{number:03}", seen(log, 1, time=9))
    assert code_of(stream, "064", seen(log, 1, time=9)) == "generations_many"
    assert len(stream.generations) == 64
    take(stream, "063", seen(log, 0))
    take(stream, "064", seen(log, 0, time=9), link_to("063", log))
    assert "063" not in stream.generations
    assert len(stream.generations) == 64


def test_a_link_may_open_a_gap_too_many_and_only_a_split_of_it_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(continuity, "MAX_GAPS", 1)
    log, later, stream = leaves(8), leaves(1, "b"), Partition()
    for index in (0, 4):
        take(stream, "a", seen(log, index))
    take(stream, "b", seen(later, 0, time=9), link_to("a", log))
    assert len(stream.generations["a"].gaps) == 2
    assert code_of(stream, "a", seen(log, 2)) == "gaps_many"
    for index in (1, 3):
        assert take(stream, "a", seen(log, index)) == Placement(Verdict.FILL)


def test_neither_a_jump_nor_a_split_opens_too_many_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(continuity, "MAX_GAPS", 2)
    log, stream = leaves(12), Partition()
    for index in (0, 2, 6):
        take(stream, "a", seen(log, index))
    assert code_of(stream, "a", seen(log, 8)) == "gaps_many"
    assert code_of(stream, "a", seen(log, 4)) == "gaps_many"
    take(stream, "a", seen(log, 1))
    assert take(stream, "a", seen(log, 4)) == Placement(Verdict.FILL)
    assert take(stream, "a", seen(log, 7)) == Placement(Verdict.NEXT)


def test_padding_is_padme_with_a_floor() -> None:
    assert [padded_length(length) for length in (4, 256, 257, 264, 265, 600)] == [
        *(256, 256, 272, 272, 272, 608)
    ]


@pytest.mark.parametrize(
    "text",
    ['{"a":1.0}', '{"a":null}', '{"b":1,"a":1}', '{"a":1,"a":1}', '{"a": 1}', '{"\\u00e9":1}'],
)
def test_json_has_one_form(text: str) -> None:
    with pytest.raises(MalformedError):
        json_form.parse(text.encode())


@pytest.mark.parametrize("text", ['{"a":"\\ud800"}', '{"a":-0}', '{"a":9007199254740992}'])
def test_json_has_no_surrogates_and_no_large_numbers(text: str) -> None:
    with pytest.raises(MalformedError):
        json_form.parse(text.encode())


def test_json_nests_sixteen_deep_and_no_more() -> None:
    deep = "[" * 16 + "]" * 16
    assert json_form.serialise(json_form.parse(deep.encode())) == deep
    with pytest.raises(MalformedError):
        json_form.parse(("[" + deep + "]").encode())


def test_the_points_of_small_order_are_those_of_which_eight_times_is_nothing() -> None:
    d = -121665 * pow(121666, -1, P) % P

    def double(x: int, y: int) -> tuple[int, int]:
        product = d * x * x * y * y % P
        return (
            2 * x * y * pow(1 + product, -1, P) % P,
            (y * y + x * x) * pow(1 - product, -1, P) % P,
        )

    for y in SMALL_ORDER_Y:
        squared = (y * y - 1) * pow(d * y * y + 1, -1, P) % P
        x = pow(squared, (P + 3) // 8, P)
        if (x * x - squared) % P:
            x = x * pow(2, (P - 1) // 4, P) % P
        assert (x * x - squared) % P == 0
        point = (x, y)
        for _ in range(3):
            point = double(*point)
        assert point == (0, 1)


def test_an_agency_that_signed_no_contract_believes_no_manifest_not_even_its_own() -> None:
    folder = Path(__file__).parents[1] / "vectors" / "settings" / "incomplete"
    now = parse_time("2026-03-02T12:00:00.000Z")
    assert load_view(folder, "haven-support", now).manifests == {}
    assert load_view(folder, "csu-camden", now).manifests.keys() >= {"csu-camden", "haven-support"}


def test_white_space_of_a_contract_is_what_unicode_says_it_is() -> None:
    assert contract_form.text("\u3000a\x85") == "a"
    assert contract_form.text("\x1c") == "\x1c"
    with pytest.raises(MalformedError):
        contract_form.text("\t\xa0")
