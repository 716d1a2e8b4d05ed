"""Wait for the deadline of a referral, after the last event of the demo."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from adapters.demo.programme import Programme
from adapters.demo.screen import Screen


@pytest.mark.parametrize("goes_on", [True, False])
@pytest.mark.parametrize("left_s", [0.0, 0.02])
def test_adapters_stop_before_the_deadline_unless_they_are_needed(
    left_s: float, goes_on: bool, tmp_path: Path
) -> None:
    stage = mock.Mock(root=tmp_path)
    programme = Programme(stage, Screen(), 20, goes_on=goes_on)
    programme._overdue_in_s = mock.Mock(side_effect=[left_s, left_s, 0.0])  # type: ignore[method-assign]  # the clock
    programme._wait_for_clock()
    assert stage.stop_adapters.called == (left_s > 0 and not goes_on)
