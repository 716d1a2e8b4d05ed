"""Negative results of step 4: a refusal without effect, or an equivocation."""

from __future__ import annotations

import pytest

from broker.judging.continuity import place
from broker.judging.continuity_types import (
    ContinuityError,
    Contradiction,
    EquivocationError,
    LogPosition,
)
from tests.support.stream_world import StreamReader


def refused(reader: StreamReader, position: LogPosition, code: str) -> None:
    """``position`` is refused with ``code``, and what the reader holds stays as it was."""
    before = reader.state
    with pytest.raises(ContinuityError) as caught:
        place(before, position, reader.history)
    assert caught.value.code == code
    assert reader.state == before


def equivocates(reader: StreamReader, position: LogPosition, contradiction: Contradiction) -> None:
    """Check that ``position`` contradicts the history of its sender in this way."""
    with pytest.raises(EquivocationError) as caught:
        place(reader.state, position, reader.history)
    found = (caught.value.code, caught.value.contradiction)
    assert found == ("equivocation", contradiction), found
