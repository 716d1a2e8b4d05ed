"""Adapter for the Crown Prosecution Service: an XML case export, its codes and reporting groups."""

from __future__ import annotations

from adapters.cps.mapping import CpsAdapter

ADAPTER = CpsAdapter()
"""The adapter that the entry-point group ``concordant.adapters`` loads."""
