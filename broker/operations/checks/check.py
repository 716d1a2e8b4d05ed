"""Result of one check: what was looked at, its status, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from broker.codes.meanings import next_step
from contracts.errors import ConcordantError

Status: TypeAlias = Literal["ok", "warn", "fail", "skipped"]


@dataclass(frozen=True, slots=True)
class Check:
    """A check that was made.

    Attributes:
        name: what was looked at.
        status: `fail` stops the adapter or soon will; `warn` is to be done soon.
        detail: what was found, without personal data.
        fix: what to do.
        code: stable, for scripts.
    """

    name: str
    status: Status
    detail: str
    fix: str | None = None
    code: str | None = None


def passed(name: str, detail: str) -> Check:
    """All is well."""
    return Check(name, "ok", detail)


def warned(name: str, detail: str, fix: str | None = None) -> Check:
    """Something to do soon."""
    return Check(name, "warn", detail, fix)


def skipped(name: str, reason: str) -> Check:
    """It was not looked at."""
    return Check(name, "skipped", f"not looked at: {reason}")


def failed(name: str, error: ConcordantError) -> Check:
    """What an error says."""
    where = f" [{error.where}]" if error.where else ""
    return Check(name, "fail", f"{error.detail}{where}", next_step(error), error.code)
