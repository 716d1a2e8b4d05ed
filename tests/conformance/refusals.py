"""The two ways in which something is not taken (docs/spec/opening.md, "Codes").

A record is refused with a code and the number of the step. A file of the setting (a manifest, a
contract, a receipt) that fails is simply not believed, so it needs no code, only a reason for a
person who debugs.
"""

from __future__ import annotations


class RefusedError(Exception):
    """One record is refused at one step."""

    def __init__(self, step: int, code: str) -> None:
        super().__init__(f"{code} at step {step}")
        self.step = step
        self.code = code


class NotBelievedError(Exception):
    """A signed file is not believed."""


class MalformedError(ValueError):
    """Bytes or text are not in their one form."""
