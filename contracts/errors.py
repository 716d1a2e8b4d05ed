"""Base class of every error in this project, and the errors of agreements and events.

An error says what is wrong, where, and what to do about it, under a stable code that scripts can
match. It never carries a personal value, because error texts are logged.
"""

from __future__ import annotations

import re
from typing import Final

from contracts.hidden_characters import one_line, visible

__all__ = ["ConcordantError", "ContractError", "EventError", "UnknownNameError"]


_ARTICLE: Final = re.compile(r"\A(?:the|an?|another|no|this|these|it|our|your|there)\b")
"""First word of a sentence that is not a name, a code or a file, so that it takes a capital."""


class ConcordantError(Exception):
    """An operation that this project refuses or cannot perform.

    Attributes:
        code: stable identifier of the reason, lower case with underscores.
        exit_code: of the command that ends with it: 1 the answer is no, 2 usage, 3 the environment
            is at fault, 4 part of the input was refused.
        detail: one sentence, without personal values.
        where: file, line, field path or stream position, if known.
        fix: next step for the reader, if known.
    """

    code: str = "error"
    exit_code: int = 3

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        where: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.where = where
        self.fix = fix
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.where}: {self.detail}" if self.where else self.detail

    def diagnostics(self) -> str:
        """Return the text for the operator: what is wrong, where, what to do, and the code."""
        lines = [_ARTICLE.sub(lambda found: found[0].capitalize(), self.detail)]
        if self.where:
            lines.append(f"  where: {one_line(self.where)}")
        if self.fix:
            lines.append(f"  to do: {self.fix}")
        lines.append(f"  code:  {self.code}")
        return visible("\n".join(lines))


class ContractError(ConcordantError):
    """An agreement cannot be used in its present form; the agencies that sign it must act.

    Codes: `contract_invalid`, `contract_unreadable`, `contract_field_unknown`.
    """

    code = "contract_invalid"
    exit_code = 3


class EventError(ConcordantError):
    """An event that its sender may not publish, or that its reader should not have received.

    The code is set by each place that raises it.

    Attributes:
        clause: of the contract that decided, where one did.
    """

    code = "event_invalid"
    exit_code = 4
    clause: str | None = None


class UnknownNameError(ConcordantError):
    """A requested name does not exist; the person who typed it must correct it.

    Codes: `type_unknown`, `field_unknown`, and others that each caller sets.
    """

    code = "name_unknown"
    exit_code = 2
