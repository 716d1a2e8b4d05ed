"""Catalogue of installed adapters: entry points of the group ``concordant.adapters``.

An entry point is an adapter (``adapters.base.AgencyAdapter``), or an object with ``for_agency``
that makes one for an agency's folder. An agency's own adapter is a separate package. This module
needs no change for it.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, Protocol, cast, runtime_checkable

from adapters.base import AgencyAdapter
from broker.agency.config import AgencyConfig
from broker.agency.kinds import GROUP, documents_of, unknown_kind
from contracts.vocabulary.known import Documents

_OURS: Final = {
    "csu": ("adapters.csu", "ADAPTER"),
    "cps": ("adapters.cps", "ADAPTER"),
    "council": ("adapters.council", "ADAPTER"),
    "council-csv": ("adapters.council", "CSV_ADAPTER"),
    "desk": ("adapters.desk", "ADAPTER"),
    "support": ("adapters.support", "ADAPTER"),
    "mapped": ("adapters.mapped", "ADAPTER"),
}


@runtime_checkable
class AdapterFactory(Protocol):
    """An entry point that makes an adapter for an agency's folder."""

    def for_agency(self, folder: Path, mapping: str | None, documents: Documents) -> AgencyAdapter:
        """Return the adapter. ``mapping`` is the setting of that name in ``agency.toml``."""


def installed() -> tuple[str, ...]:
    """Return the kinds of adapter that ``agency.toml`` can name, sorted."""
    return tuple(sorted({*_OURS, *(point.name for point in entry_points(group=GROUP))}))


def adapter_of(folder: Path, config: AgencyConfig) -> AgencyAdapter:
    """Return the adapter of an agency, as its ``agency.toml`` chooses it.

    Args:
        folder: the agency's folder.
        config: its ``agency.toml``.

    Raises:
        ConfigError: ``config_adapter_unknown``; the message lists the installed adapters.
        MappingFileError: the agency's mapping file cannot be used.
    """
    found = _loaded(config.adapter.kind)
    if isinstance(found, AdapterFactory):
        return found.for_agency(folder, config.adapter.mapping, documents_of(folder))
    return cast("AgencyAdapter", found)


def adapter_named(kind: str) -> AgencyAdapter:
    """Return an adapter that needs no agency's folder, by its kind.

    Raises:
        ConfigError: ``config_adapter_unknown``; the message lists the installed adapters.
    """
    return cast("AgencyAdapter", _loaded(kind))


def _loaded(kind: str) -> Any:
    found = {point.name: point for point in entry_points(group=GROUP)}
    if kind in found:
        return found[kind].load()
    if kind in _OURS:  # source tree without an installed distribution
        module, name = _OURS[kind]
        return getattr(import_module(module), name)
    raise unknown_kind(kind, installed())
