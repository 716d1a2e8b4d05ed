"""The record of applied contracts: exact bytes back, and anything else counts as unreadable."""

from __future__ import annotations

from broker.record import Record
from broker.transport.applied import collect_applied, format_applied, parse_applied
from contracts.loading import ContractText

NAME = "london-hate-crime"


def record(value: bytes | None, key: bytes = NAME.encode()) -> Record:
    return Record("pan-london.applied", 0, (), value, key=key)


def test_the_newest_record_of_each_contract_counts(contract_text: ContractText) -> None:
    good = format_applied(contract_text)
    found = collect_applied([record(b"older"), record(good)])
    assert found.by_name[NAME].raw == contract_text.raw
    assert found.by_name[NAME].hash == contract_text.hash
    assert found.unreadable == frozenset()
    assert collect_applied([record(good), record(None)]).by_name == {}


def test_a_record_of_another_contract_is_unreadable(contract_text: ContractText) -> None:
    good = format_applied(contract_text)
    for value in (b"", b"x", good[:-1], good + b" ", good.replace(b"v1", b"v2", 1)):
        assert parse_applied(NAME, value) is None
        assert collect_applied([record(value)]).unreadable == {NAME}
    assert collect_applied([record(good, b"another")]).unreadable == {"another"}
    assert collect_applied([record(good, b"\xff")]).by_name == {}
