"""Adapter for councils: housing and anti-social behaviour systems that export JSON lines or CSV."""

from __future__ import annotations

from adapters.council.mapping import ADAPTER, CSV_ADAPTER, CouncilAdapter

__all__ = ["ADAPTER", "CSV_ADAPTER", "CouncilAdapter"]
