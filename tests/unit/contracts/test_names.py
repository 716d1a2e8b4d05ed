"""Names that people type: similar ones are suggested."""

from __future__ import annotations

from contracts.names import nearest


def test_a_part_of_a_name_finds_it() -> None:
    known = ("victim.risk_level", "victim.address", "note")
    assert nearest("risk", known) == ("victim.risk_level",)
    assert nearest("addr", known) == ("victim.address",)
    assert nearest("no", known) == ()
