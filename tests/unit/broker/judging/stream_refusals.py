"""Negative results of step 4: a refusal without effect, or an equivocation."""

from __future__ import annotations

import pytest

from broker.judging.continuity import place
from broker.judging.continuity_types import ContinuityError, EquivocationError, LogPosition
from tests.support.stream_world import StreamReader


def refused(reader: StreamReader, position: LogPosition, code: str) -> None:
    """``position`` is refused with ``code``, and what the reader holds stays as it was."""
    before = reader.state
    with pytest.raises(ContinuityError) as caught:
        place(before, position, reader.history)
    assert caught.value.code == code
    assert reader.state == before


def equivocates(reader: StreamReader, position: LogPosition, words: str) -> None:
    """``position`` shows that its sender signed two histories, in these words."""
    with pytest.raises(EquivocationError, match=words) as caught:
        place(reader.state, position, reader.history)
    assert caught.value.code == "equivocation"
