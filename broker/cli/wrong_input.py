"""What was asked names something that is not there or makes no sense: exit code 2, with a code.

The command line's own errors say how a command is written; this one says what was wrong with what
was written, where and what to give instead, under a stable code like every other refusal.
"""

from __future__ import annotations

from contracts.errors import ConcordantError


class WrongInputError(ConcordantError):
    """What was given on the command line is wrong; whoever gave it must act.

    Codes: `agency_unknown`, `agency_own`, `case_unknown`, `command_invalid`, `contract_unknown`,
    `record_unknown`.
    """

    code = "input_wrong"
    exit_code = 2
