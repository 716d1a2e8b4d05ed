"""Adapter for a police Community Safety Unit: a comma-separated crime information export."""

from __future__ import annotations

from adapters.csu.mapping import CsuAdapter

ADAPTER = CsuAdapter()
"""The adapter that the entry-point group ``concordant.adapters`` loads."""
