"""Values that are made per event: equal by content, and frozen when Python runs in its dev mode."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

from broker.record import Record

ONE = Record("topic", 0, (), b"value")


def test_a_value_is_compared_and_hashed_by_what_it_holds() -> None:
    assert replace(ONE) == ONE
    assert hash(replace(ONE)) == hash(ONE)
    assert replace(ONE, value=b"other") != ONE


def test_a_value_has_no_other_attributes() -> None:
    assert not hasattr(ONE, "__dict__")


def test_in_dev_mode_a_value_cannot_be_changed() -> None:
    attempt = (
        "from broker.record import Record\n"
        "from dataclasses import FrozenInstanceError\n"
        "one = Record('topic', 0, (), b'value')\n"
        "try:\n"
        "    one.value = b'other'\n"
        "except FrozenInstanceError:\n"
        "    print('frozen')\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "ignore", "-c", attempt],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "frozen\n"
