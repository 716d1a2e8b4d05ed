"""Partnership in memory for the tests of programs that publish and subscribe.

The pytest plugin `concordant.pytest_plugin` has it as the fixture ``partnership``.
"""

from __future__ import annotations

from concordant.packages import library_missing

try:
    from concordant.testing.founding import FoundedPartnership, found_partnership
    from concordant.testing.partnership import Partnership, SentEvent, TestAgency
except ModuleNotFoundError as error:
    raise library_missing(error, "testing") from None

__all__ = ["FoundedPartnership", "Partnership", "SentEvent", "TestAgency", "found_partnership"]
