"""Cache of judged statements: bounded, and only permanent outcomes."""

from __future__ import annotations

from broker.control.judged_statements import HELD_STATEMENTS, LASTING, JudgedStatements
from tests.support.founded_partnership import FoundedPartnership
from tests.support.memory_control import ControlNode


def test_outcomes_are_bounded_and_hold_under_the_same_books_only(
    node: ControlNode, world: FoundedPartnership
) -> None:
    judged = JudgedStatements()
    contracts, manifests = node.control.contracts, node.control.manifests
    for number in range(HELD_STATEMENTS + 1):
        judged.add(number.to_bytes(32, "big"), "contract_unsigned", contracts, manifests)
    assert judged.code(bytes(32), contracts, manifests) is None
    last = HELD_STATEMENTS.to_bytes(32, "big")
    assert judged.code(last, contracts, manifests) == "contract_unsigned"
    newer = contracts.adding(world.another_contract())
    assert judged.code(last, newer, manifests) is None


def test_an_answer_that_depends_on_time_or_a_file_is_judged_again(node: ControlNode) -> None:
    judged = JudgedStatements()
    for code in ("contract_ambiguous", "manifest_early", "manifest_expired"):
        judged.add(code.encode(), code, node.control.contracts, node.control.manifests)
        assert judged.code(code.encode(), node.control.contracts, node.control.manifests) is None
    assert not {"registry_unwritable", "contract_ambiguous", "manifest_stale"} & LASTING
