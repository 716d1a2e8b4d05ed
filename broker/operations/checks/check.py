"""Result of one check: what was checked, its status, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from broker.codes.meanings import next_step
from contracts.errors import ConcordantError
from contracts.phrases import Phrase, joined, phrase

Status: TypeAlias = Literal["ok", "warn", "fail", "skipped"]


@dataclass(frozen=True, slots=True)
class Check:
    """Result of a check.

    Attributes:
        name: what was checked.
        status: `fail` stops the adapter or soon will, or breaks a protection; `warn` should be
            done soon.
        detail: the finding, without personal data.
        fix: what to do.
        code: stable, for scripts.
    """

    name: str
    status: Status
    detail: str
    fix: str | None = None
    code: str | None = None


def passed(name: str, detail: Phrase) -> Check:
    """Return a result without a problem."""
    return Check(name, "ok", detail)


def warned(name: str, detail: Phrase, fix: str | None = None) -> Check:
    """Return a result that needs action soon."""
    return Check(name, "warn", detail, fix)


def skipped(name: str, reason: Phrase) -> Check:
    """Return a result of a check that was not made."""
    return Check(name, "skipped", phrase("not checked: %(reason)s", reason=reason))


def failed(name: str, error: ConcordantError) -> Check:
    """Return the result for an error."""
    where = f" [{error.where}]" if error.where else ""
    detail = f"{error.detail}{where}"
    if isinstance(error.detail, Phrase):
        detail = joined("", (error.detail, where))
    return Check(name, "fail", detail, next_step(error), error.code)
