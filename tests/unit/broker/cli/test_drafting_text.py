"""Notes after a draft was written: the next step depends on its findings."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from broker.cli.drafting_text import drafted_notes
from contracts.findings import Finding


@pytest.mark.parametrize(("severity", "passes_on"), [("error", False), ("warning", True)])
def test_a_draft_with_an_error_is_corrected_before_it_is_passed_on(
    severity: Any, passes_on: bool
) -> None:
    contract = SimpleNamespace(name="safe-housing", version="1.0.0", parties=())
    drafted: Any = SimpleNamespace(
        text=SimpleNamespace(contract=contract),
        entries=(),
        findings=(Finding("placeholder", severity, "title", "a placeholder"),),
    )
    assert ("bundle add" in drafted_notes(drafted)[-1]) is passes_on
