"""Police Community Safety Unit: a comma-separated crime information export and its codes."""

from __future__ import annotations

from adapters.csu.mapping import CsuAdapter

ADAPTER = CsuAdapter()
"""What the entry-point group ``concordant.adapters`` loads."""
