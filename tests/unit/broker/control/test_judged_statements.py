"""Cache of judged statements: bounded, and only permanent outcomes."""

from __future__ import annotations

from broker.control.judged_statements import HELD_STATEMENTS, LASTING, JudgedStatements
from tests.support.founded_partnership import Workshop
from tests.support.memory_control import Desk


def test_outcomes_are_bounded_and_hold_under_the_same_books_only(
    desk: Desk, world: Workshop
) -> None:
    judged = JudgedStatements()
    contracts, manifests = desk.control.contracts, desk.control.manifests
    for number in range(HELD_STATEMENTS + 1):
        judged.add(number.to_bytes(32, "big"), "contract_unsigned", contracts, manifests)
    assert judged.code(bytes(32), contracts, manifests) is None
    last = HELD_STATEMENTS.to_bytes(32, "big")
    assert judged.code(last, contracts, manifests) == "contract_unsigned"
    newer = contracts.adding(world.another_contract())
    assert judged.code(last, newer, manifests) is None


def test_what_time_or_a_file_decides_is_judged_again(desk: Desk) -> None:
    judged = JudgedStatements()
    for code in ("contract_ambiguous", "manifest_early", "manifest_expired"):
        judged.add(code.encode(), code, desk.control.contracts, desk.control.manifests)
        assert judged.code(code.encode(), desk.control.contracts, desk.control.manifests) is None
    assert not {"registry_unwritable", "contract_ambiguous", "manifest_stale"} & LASTING
