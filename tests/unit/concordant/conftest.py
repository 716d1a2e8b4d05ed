"""The fixtures of the pytest plugin, also where the distribution is not installed with it."""

from __future__ import annotations

from concordant.pytest_plugin import founded_partnerships, partnership

__all__ = ["founded_partnerships", "partnership"]
