"""Verification after a remembered part: what the quick look notices, and what it does not read."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from broker.audit.entries import format_entry
from broker.audit.log import append_entries, entry_leaf, sign_head
from broker.audit.remembered_log import RememberedLog
from broker.audit.verification import entries_at, verify_log, verify_onward
from broker.errors import DisclosureLogError
from broker.store.database import Store
from broker.store.disclosures import Disclosures
from broker.store.rows import DisclosureRow
from broker.tlog.cosignature import SignedCheckpoint
from broker.tlog.merkle import Frontier

LATER = 1_760_000_999_000


def change(store: Store, *statements: str, **parameters: object) -> None:
    with store._backend.writing() as connection:
        for statement in statements:
            connection.execute(text(statement), parameters)


@pytest.fixture
def part() -> RememberedLog:
    return RememberedLog()


@pytest.fixture
def seen(log: Any, signed_log: Store, part: RememberedLog) -> Store:
    """The log of fourteen entries, all of them remembered."""
    look(log, signed_log, part)
    return signed_log


def look(log: Any, store: Store, part: RememberedLog, **options: Any) -> Any:
    asked = {"verify": log.verifier(), "witnessed": ()} | options
    with store.reading() as tx:
        return verify_onward(tx, log.ORIGIN, asked["verify"], asked["witnessed"], part)


def failure(log: Any, store: Store, part: RememberedLog, **options: Any) -> str:
    size = part.size
    with pytest.raises(DisclosureLogError) as caught:
        look(log, store, part, **options)
    assert part.size == size
    return caught.value.code


def test_the_head_is_that_of_the_whole_log(log: Any, seen: Store, part: RememberedLog) -> None:
    with seen.transaction() as tx:
        append_entries(tx, [log.entry(14), log.entry(15)])
        sign_head(tx, log.ORIGIN, log.signer(), LATER)
        append_entries(tx, [log.entry(16)])
    head = look(log, seen, part)
    assert (head.size, head.signed_size, part.size) == (17, 16, 17)
    with seen.reading() as tx:
        assert head == verify_log(tx, log.ORIGIN, log.verifier())


def test_only_what_follows_the_part_is_read(
    log: Any, seen: Store, part: RememberedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    signatures: list[int] = []
    whole = Disclosures.read

    def counted(rows: Disclosures, first: int, limit: int) -> list[DisclosureRow]:
        found = whole(rows, first, limit)
        read.extend(row.index for row in found)
        return found

    monkeypatch.setattr(Disclosures, "read", counted)
    with seen.transaction() as tx:
        append_entries(tx, [log.entry(14), log.entry(15)])
        sign_head(tx, log.ORIGIN, log.signer(), LATER)

    def verify(signed: SignedCheckpoint) -> None:
        signatures.append(signed.checkpoint.size)
        log.verifier()(signed)

    look(log, seen, part, verify=verify)
    assert (read, signatures) == ([14, 15], [16])


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM disclosures WHERE idx >= 13", "log_entry_missing"),
        ("DELETE FROM disclosure_checkpoints WHERE size = 12", "log_checkpoint_invalid"),
        ("UPDATE disclosure_checkpoints SET time_s = 5 WHERE size = 12", "log_checkpoint_invalid"),
        ("UPDATE meta SET value = x'00' WHERE name = 'disclosures.frontier'", "log_head_altered"),
    ],
)
def test_a_log_that_became_another_is_noticed_at_once(
    log: Any, seen: Store, part: RememberedLog, statement: str, code: str
) -> None:
    change(seen, statement)
    assert failure(log, seen, part) == code


def test_a_log_rewritten_with_its_stored_head_is_noticed(
    log: Any, seen: Store, part: RememberedLog
) -> None:
    data = format_entry(log.entry(99))
    leaf = entry_leaf(b"s" * 32, data)
    change(
        seen,
        "UPDATE disclosures SET entry = :e, leaf = :l, salt = :s WHERE idx = 13",
        e=data,
        l=leaf,
        s=b"s" * 32,
    )
    with seen.transaction() as tx:
        tx.meta.set(
            "disclosures.frontier", Frontier().extend(tx.disclosures.leaves(0, 14)).to_bytes()
        )
    assert failure(log, seen, part) == "log_head_altered"


@pytest.mark.parametrize("size", [5, 14])
def test_a_head_that_others_kept_is_compared_with_the_part(
    log: Any, seen: Store, part: RememberedLog, size: int
) -> None:
    assert look(log, seen, part, witnessed=[(size, part.root_at(size))]).size == 14
    assert failure(log, seen, part, witnessed=[(size, b"x" * 32)]) == "log_range_altered"
    assert failure(log, seen, part, witnessed=[(15, b"x" * 32)]) == "log_entry_missing"


def test_a_new_entry_that_is_altered_does_not_join_the_part(
    log: Any, seen: Store, part: RememberedLog
) -> None:
    with seen.transaction() as tx:
        append_entries(tx, [log.entry(14), log.entry(15)])
    change(seen, "UPDATE disclosures SET leaf = zeroblob(32) WHERE idx = 15")
    assert failure(log, seen, part) == "log_entry_altered"


def test_other_keys_verify_every_signature_again(
    log: Any, seen: Store, part: RememberedLog
) -> None:
    part.checkpoint = None
    assert failure(log, seen, part, verify=log.verifier(b"o" * 32)) == "log_checkpoint_invalid"


@pytest.mark.parametrize("index", [0, 6, 13])
def test_an_entry_read_again_is_compared_with_its_leaf(
    log: Any, seen: Store, part: RememberedLog, index: int
) -> None:
    data = format_entry(log.entry(index))
    change(
        seen,
        "UPDATE disclosures SET leaf = :l, salt = :s WHERE idx = :i",
        l=entry_leaf(b"s" * 32, data),
        s=b"s" * 32,
        i=index,
    )
    look(log, seen, part)  # its stored head is as before, and the entry is not read
    with seen.reading() as tx, pytest.raises(DisclosureLogError) as caught:
        entries_at(tx, part, [index])
    assert (caught.value.code, caught.value.index) == ("log_entry_altered", index)
    with seen.reading() as tx, pytest.raises(DisclosureLogError):
        verify_log(tx, log.ORIGIN, log.verifier())


def test_a_removed_entry_is_noticed_when_it_is_read_again(
    log: Any, seen: Store, part: RememberedLog
) -> None:
    change(seen, "DELETE FROM disclosures WHERE idx = 6")
    look(log, seen, part)
    with seen.reading() as tx, pytest.raises(DisclosureLogError) as caught:
        entries_at(tx, part, [5, 6, 7])
    assert (caught.value.code, caught.value.index) == ("log_entry_missing", 6)
