"""Catalogue of installed adapters: entry points of the group ``concordant.adapters``.

An agency's own adapter is a separate package. This module needs no change for it.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import Final, cast

from adapters.base import AgencyAdapter
from broker.agency.kinds import GROUP, unknown_kind

_OURS: Final = {
    "csu": ("adapters.csu", "ADAPTER"),
    "cps": ("adapters.cps", "ADAPTER"),
    "council": ("adapters.council", "ADAPTER"),
    "council-csv": ("adapters.council", "CSV_ADAPTER"),
    "support": ("adapters.support", "ADAPTER"),
}


def installed() -> tuple[str, ...]:
    """Return the kinds of adapter that ``agency.toml`` can name, sorted."""
    return tuple(sorted({*_OURS, *(point.name for point in entry_points(group=GROUP))}))


def adapter_named(kind: str) -> AgencyAdapter:
    """Return the adapter for ``[adapter] kind`` of ``agency.toml``.

    Raises:
        ConfigError: ``config_adapter_unknown``; the message lists the installed adapters.
    """
    found = {point.name: point for point in entry_points(group=GROUP)}
    if kind in found:
        return cast("AgencyAdapter", found[kind].load())
    if kind in _OURS:  # source tree without an installed distribution
        module, name = _OURS[kind]
        return cast("AgencyAdapter", getattr(import_module(module), name))
    raise unknown_kind(kind, installed())
