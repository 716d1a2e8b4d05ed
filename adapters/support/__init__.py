"""Adapter for voluntary support services and reporting centres: a casework spreadsheet as CSV."""

from __future__ import annotations

from adapters.support.mapping import ADAPTER, SupportAdapter

__all__ = ["ADAPTER", "SupportAdapter"]
