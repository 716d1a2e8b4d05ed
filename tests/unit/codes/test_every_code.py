"""Every code: its state is brought about, and the registry's next step ends it."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path

import pytest

from tests.support.codes import exports, folders, records

FAMILIES = {
    **dict.fromkeys(records.cases(), records.carry_out),
    **{state.code: folders.carry_out for state in folders.STATES},
    **dict.fromkeys(exports.EXPORTS, exports.carry_out),
    **dict.fromkeys(exports.ENTRIES, exports.carry_out_in_folder),
}


@pytest.mark.parametrize("code", sorted(FAMILIES))
def test_the_next_step_ends_the_state(code: str, tmp_path: Path) -> None:
    done = FAMILIES[code](code, tmp_path)
    if inspect.iscoroutine(done):
        asyncio.run(done)
