"""The log grows with what it records, and no entry can be changed, removed or moved unnoticed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from broker.audit.entries import NewLogEntry, format_entry
from broker.audit.log import append_entries, entry_leaf, sign_head
from broker.audit.verification import verify_log
from broker.envelope.primitives import lp, sha256
from broker.errors import DisclosureLogError, StoreError
from broker.store.database import Store
from broker.store.rows import NewOutboxRow
from broker.tlog.merkle import EMPTY_ROOT, Frontier, leaf_hash


def change(store: Store, *statements: str, **parameters: object) -> None:
    """As someone with the file and an SQL prompt would."""
    with store._backend.writing() as connection:
        for statement in statements:
            connection.execute(text(statement), parameters)


def verify(log: Any, store: Store, **options: Any) -> Any:
    with store.reading() as tx:
        return verify_log(tx, log.ORIGIN, log.verifier(), **options)


def failure(log: Any, store: Store, **options: Any) -> tuple[str, int | None]:
    with pytest.raises(DisclosureLogError) as caught:
        verify(log, store, **options)
    assert caught.value.exit_code == 1
    return caught.value.code, caught.value.index


def test_a_leaf_is_the_salted_entry_as_the_protocol_says() -> None:
    assert entry_leaf(b"s" * 32, b"{}") == leaf_hash(
        sha256(lp(b"concordant/1/disclosure", b"s" * 32, b"{}"))
    )


def test_an_empty_log_is_whole(log: Any, store: Store) -> None:
    head = verify(log, store)
    assert (head.size, head.root, head.signed_size) == (0, EMPTY_ROOT, 0)
    with store.transaction() as tx:
        assert append_entries(tx, []).size == 0
        assert sign_head(tx, log.ORIGIN, log.signer(), 1).signed_size == 0


def test_an_unaltered_log_is_whole(log: Any, signed_log: Store) -> None:
    head = verify(log, signed_log)
    assert (head.size, head.signed_size) == (14, 12)
    with signed_log.reading() as tx:
        leaves = tx.disclosures.leaves(0, 14)
    assert head.root == Frontier().extend(leaves).root()


def test_equal_entries_have_different_leaves(log: Any, store: Store) -> None:
    with store.transaction() as tx:
        append_entries(tx, [log.entry(1), log.entry(1)])
        one, two = tx.disclosures.leaves(0, 2)
    assert one != two


def test_an_entry_is_written_or_lost_with_what_it_records(log: Any, store: Store) -> None:
    def fail() -> None:
        with store.transaction() as tx:
            tx.outbox.add_many([NewOutboxRow("id", "t", 0, b"v", False)], 1)
            append_entries(tx, [log.entry(1)])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with store.reading() as tx:
        assert tx.disclosures.read(0, 1) == []
        assert tx.outbox.counts().pending == 0


def test_appending_needs_no_key_and_a_later_checkpoint_covers_it(
    log: Any,
    signed_log: Store,
) -> None:
    with signed_log.transaction() as tx:
        assert sign_head(tx, log.ORIGIN, log.signer(), 1_760_000_999_000).signed_size == 14
        assert [row.size for row in tx.disclosures.checkpoints()] == [4, 9, 12, 14]
        # Nothing new: no new signature.
        sign_head(tx, log.ORIGIN, log.signer(), 1_760_000_999_001)
        assert len(tx.disclosures.checkpoints()) == 4
    assert verify(log, signed_log).signed_size == 14


def test_the_time_of_a_checkpoint_never_falls(log: Any, signed_log: Store) -> None:
    with signed_log.transaction() as tx:
        sign_head(tx, log.ORIGIN, log.signer(), 5)  # a clock that jumped back
    assert verify(log, signed_log).signed_size == 14


@pytest.mark.parametrize("index", range(14))
def test_an_altered_entry_is_named(log: Any, signed_log: Store, index: int) -> None:
    other = format_entry(log.entry(99))
    change(signed_log, "UPDATE disclosures SET entry = :entry WHERE idx = :i", entry=other, i=index)
    assert failure(log, signed_log) == ("log_entry_altered", index)


@pytest.mark.parametrize("column", ["salt", "leaf", "entry"])
def test_a_text_in_place_of_bytes_is_an_alteration(
    log: Any, signed_log: Store, column: str
) -> None:
    change(signed_log, f"UPDATE disclosures SET {column} = :x WHERE idx = 6", x="x" * 32)
    assert failure(log, signed_log) == ("log_entry_altered", 6)


@pytest.mark.parametrize("column", ["salt", "leaf"])
def test_an_altered_salt_or_hash_is_named(log: Any, signed_log: Store, column: str) -> None:
    change(signed_log, f"UPDATE disclosures SET {column} = :x WHERE idx = 6", x=b"x" * 32)
    assert failure(log, signed_log) == ("log_entry_altered", 6)


@pytest.mark.parametrize(
    ("column", "value"),
    [("case_key", b"z" * 32), ("case_key", None), ("time_ms", 5), ("kind", "x")],
)
def test_the_columns_of_queries_cannot_differ_from_the_entry(
    log: Any, signed_log: Store, column: str, value: object
) -> None:
    change(signed_log, f"UPDATE disclosures SET {column} = :x WHERE idx = 6", x=value)
    assert failure(log, signed_log) == ("log_entry_altered", 6)


@pytest.mark.parametrize("index", range(14))
def test_a_removed_entry_is_named(log: Any, signed_log: Store, index: int) -> None:
    change(signed_log, "DELETE FROM disclosures WHERE idx = :i", i=index)
    assert failure(log, signed_log) == ("log_entry_missing", index)


def test_a_removed_entry_is_found_when_the_rest_moved_up(log: Any, signed_log: Store) -> None:
    change(
        signed_log,
        "DELETE FROM disclosures WHERE idx = 5",
        "UPDATE disclosures SET idx = -idx WHERE idx > 5",
        "UPDATE disclosures SET idx = -idx - 1 WHERE idx < 0",
    )
    assert failure(log, signed_log) == ("log_range_altered", 4)  # between the heads at 4 and 9


@pytest.mark.parametrize(("one", "two", "first"), [(0, 1, 0), (5, 8, 4), (3, 4, 0), (9, 11, 9)])
def test_reordered_entries_are_found(
    log: Any, signed_log: Store, one: int, two: int, first: int
) -> None:
    change(
        signed_log,
        "UPDATE disclosures SET idx = -1 WHERE idx = :one",
        "UPDATE disclosures SET idx = :one WHERE idx = :two",
        "UPDATE disclosures SET idx = :two WHERE idx = -1",
        one=one,
        two=two,
    )
    assert failure(log, signed_log) == ("log_range_altered", first)


def test_reordering_what_no_checkpoint_covers_is_found_by_the_kept_head(
    log: Any,
    signed_log: Store,
) -> None:
    change(
        signed_log,
        "UPDATE disclosures SET idx = -1 WHERE idx = 12",
        "UPDATE disclosures SET idx = 12 WHERE idx = 13",
        "UPDATE disclosures SET idx = 13 WHERE idx = -1",
    )
    assert failure(log, signed_log)[0] == "log_head_altered"


def rewrite(store: Store, index: int, entry: NewLogEntry) -> None:
    """An entry altered with its leaf and with the kept head: only signed heads can tell."""
    data = format_entry(entry)
    change(
        store,
        "UPDATE disclosures SET entry = :e, leaf = :l, salt = :s, time_ms = :t, case_key = :c "
        "WHERE idx = :i",
        e=data,
        l=entry_leaf(b"s" * 32, data),
        s=b"s" * 32,
        t=entry.time_ms,
        c=entry.case_key,
        i=index,
    )
    with store.transaction() as tx:
        frontier = Frontier().extend(tx.disclosures.leaves(0, tx.disclosures.size()))
        tx.meta.set("disclosures.frontier", frontier.to_bytes())


@pytest.mark.parametrize(("index", "first"), [(0, 0), (3, 0), (4, 4), (8, 4), (11, 9)])
def test_an_entry_altered_with_its_hash_is_found_by_the_signed_heads(
    log: Any, signed_log: Store, index: int, first: int
) -> None:
    rewrite(signed_log, index, log.entry(99))
    assert failure(log, signed_log) == ("log_range_altered", first)


def test_a_log_rewritten_and_signed_again_is_found_by_heads_that_others_kept(
    log: Any,
    signed_log: Store,
) -> None:
    witnessed = [(row.size, row.root) for row in _checkpoints(signed_log)]
    rewrite(signed_log, 6, log.entry(99))
    change(signed_log, "DELETE FROM disclosure_checkpoints")
    with signed_log.transaction() as tx:
        sign_head(tx, log.ORIGIN, log.signer(), 1_760_000_999_000)
    assert verify(log, signed_log).signed_size == 14
    assert failure(log, signed_log, witnessed=witnessed) == ("log_range_altered", 4)
    assert verify(log, signed_log, witnessed=[(0, EMPTY_ROOT)]).size == 14


def test_entries_cut_off_with_their_checkpoints_are_found_by_heads_that_others_kept(
    log: Any,
    signed_log: Store,
) -> None:
    witnessed = [(row.size, row.root) for row in _checkpoints(signed_log)]
    change(
        signed_log,
        "DELETE FROM disclosures WHERE idx >= 9",
        "DELETE FROM disclosure_checkpoints WHERE size > 9",
    )
    with signed_log.transaction() as tx:
        frontier = Frontier().extend(tx.disclosures.leaves(0, 9))
        tx.meta.set("disclosures.frontier", frontier.to_bytes())
    assert verify(log, signed_log).size == 9
    assert failure(log, signed_log, witnessed=witnessed) == ("log_entry_missing", 9)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE disclosure_checkpoints SET size = 5 WHERE size = 4",
        "UPDATE disclosure_checkpoints SET root = zeroblob(32) WHERE size = 9",
        "UPDATE disclosure_checkpoints SET time_s = time_s + 1 WHERE size = 9",
        "UPDATE disclosure_checkpoints SET text = zeroblob(200) WHERE size = 9",
        "UPDATE disclosure_checkpoints SET text = CAST('' AS BLOB) WHERE size = 9",
    ],
)
def test_an_altered_checkpoint_is_found(log: Any, signed_log: Store, statement: str) -> None:
    change(signed_log, statement)
    assert failure(log, signed_log)[0] == "log_checkpoint_invalid"


def test_a_checkpoint_of_another_key_or_another_log_is_found(log: Any, store: Store) -> None:
    with store.transaction() as tx:
        append_entries(tx, [log.entry(0)])
        sign_head(tx, log.ORIGIN, log.signer(b"o" * 32), 1_760_000_000_000)
    assert failure(log, store)[0] == "log_checkpoint_invalid"
    change(store, "DELETE FROM disclosure_checkpoints")
    with store.transaction() as tx:
        sign_head(tx, "pan-london/other/disclosures", log.signer(), 1_760_000_000_000)
    assert failure(log, store)[0] == "log_checkpoint_invalid"


def test_times_of_checkpoints_that_fall_are_found(log: Any, store: Store) -> None:
    with store.transaction() as tx:
        append_entries(tx, [log.entry(0)])
        sign_head(tx, log.ORIGIN, log.signer(), 9_000)
    change(store, "UPDATE disclosure_checkpoints SET time_s = 0")  # so that the next may be earlier
    with store.transaction() as tx:
        append_entries(tx, [log.entry(1)])
        sign_head(tx, log.ORIGIN, log.signer(), 5_000)
    change(store, "UPDATE disclosure_checkpoints SET time_s = 9 WHERE size = 1")
    assert failure(log, store)[0] == "log_checkpoint_invalid"


@pytest.mark.parametrize("kept", [b"", b"x" * 40])
def test_a_damaged_head_stops_appending(log: Any, signed_log: Store, kept: bytes) -> None:
    with signed_log.transaction() as tx:
        tx.meta.set("disclosures.frontier", kept)
    with pytest.raises(DisclosureLogError) as caught, signed_log.transaction() as tx:
        append_entries(tx, [log.entry(14)])
    assert caught.value.code == "log_head_altered"
    assert failure(log, signed_log)[0] == "log_head_altered"


def test_a_head_that_was_set_back_cannot_overwrite_entries(log: Any, signed_log: Store) -> None:
    with signed_log.transaction() as tx:
        tx.meta.set("disclosures.frontier", Frontier().to_bytes())
    with pytest.raises(StoreError) as caught, signed_log.transaction() as tx:
        append_entries(tx, [log.entry(14)])
    assert caught.value.code == "store_conflict"
    with pytest.raises(DisclosureLogError) as stopped, signed_log.transaction() as tx:
        sign_head(tx, log.ORIGIN, log.signer(), 1_760_000_999_000)
    assert stopped.value.code == "log_head_altered"
    assert failure(log, signed_log)[0] == "log_head_altered"


@given(st.lists(st.integers(1, 5), max_size=6))
def test_the_kept_head_is_the_head_of_the_entries(log: Any, batches: list[int]) -> None:
    tx = FakeTransaction()
    number = 0
    for batch in batches:
        head = append_entries(tx, [log.entry(number + n) for n in range(batch)])  # type: ignore[arg-type]  # the two areas it uses
        number += batch
        assert head.size == number
        assert head == Frontier().extend([row.leaf for row in tx.rows])


class FakeTransaction:
    """The two areas that appending uses, in memory."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.kept: dict[str, bytes] = {}
        self.meta = self.disclosures = self

    def get(self, name: str) -> bytes | None:
        return self.kept.get(name)

    def set(self, name: str, value: bytes) -> None:
        self.kept[name] = value

    def append(self, rows: list[Any]) -> None:
        self.rows.extend(rows)


def _checkpoints(store: Store) -> list[Any]:
    with store.reading() as tx:
        return tx.disclosures.checkpoints()
