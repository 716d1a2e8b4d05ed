"""Queries of the log: recipients of a case's fields, the clauses, and proofs for others."""

from __future__ import annotations

from broker.audit.entries import NewLogEntry
from broker.audit.log import append_entries
from broker.audit.query import entries_of_case, recipients_of_case
from broker.store.database import Store

CASE = bytes([1]) * 32


def test_recipients_of_a_field_of_a_case_with_the_clause(signed_log: Store) -> None:
    with signed_log.reading() as tx:
        found = recipients_of_case(tx, CASE, "victim.address")
        assert [(one.index, one.recipient, one.clause) for one in found] == [
            (index, "haven-support", "4.1.10") for index in (1, 4, 7, 10, 13)
        ]
        assert found[0].contract is not None
        assert (found[0].contract.name, found[0].contract.version) == ("london-hate-crime", "1.0.0")
        assert (found[0].type, found[0].source) == ("referral.made", "csu-camden")


def test_a_prefix_covers_what_lies_below_it_and_no_namesake(signed_log: Store) -> None:
    with signed_log.reading() as tx:
        assert {(one.path, one.recipient) for one in recipients_of_case(tx, CASE, "victim")} == {
            ("victim.needs", "council-camden"),
            ("victim.needs", "haven-support"),
            ("victim.address", "haven-support"),
        }
        assert recipients_of_case(tx, CASE) == recipients_of_case(tx, CASE, "victim")
        assert recipients_of_case(tx, CASE, "vic") == []
        assert recipients_of_case(tx, CASE, "victim.addr") == []


def test_refusals_and_erasures_are_listed_without_recipients(store: Store) -> None:
    with store.transaction() as tx:
        append_entries(
            tx,
            [
                NewLogEntry(kind="refusal", time_ms=1, case_key=CASE, reason="field_not_granted"),
                NewLogEntry(kind="erasure", time_ms=2, case_key=CASE, reason="retention_ended"),
                NewLogEntry(kind="refusal", time_ms=3, reason="party_unknown"),
            ],
        )
        assert [(one.index, one.entry.kind) for one in entries_of_case(tx, CASE)] == [
            (0, "refusal"),
            (1, "erasure"),
        ]
        assert recipients_of_case(tx, CASE) == []
        assert entries_of_case(tx, b"?" * 32) == []
