"""Number of examples of a property test: few in the normal run, many in a long one.

`CONCORDANT_LONG_RUN=200 python -m pytest tests/property/test_agreements.py` tries 200 times as
many, with a new seed each time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("CONCORDANT_LONG_RUN", "1"))


def runs(normal: int) -> settings:
    """The settings of a property test, with so many examples in the normal run."""
    return settings(
        max_examples=normal * TIMES,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
