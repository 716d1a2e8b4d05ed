"""Texts and JSON of ``concordant doctor``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from broker.operations.checks.check import Check

_MARKS: Final = {"ok": "ok  ", "warn": "warn", "fail": "FAIL", "skipped": "-   "}


def checks_text(checks: Sequence[Check]) -> str:
    """For people: one line a check, and the fix on a second one."""
    return "".join(_line(check) for check in checks)


def checks_json(checks: Sequence[Check]) -> list[dict[str, object]]:
    """For scripts."""
    return [asdict(check) for check in checks]


def _line(check: Check) -> str:
    code = f" ({check.code})" if check.code else ""
    text = f"{_MARKS[check.status]}  {check.name:14}{check.detail}{code}\n"
    return text + (f"      to do:        {check.fix}\n" if check.fix else "")
