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
from broker.agency.config import CONFIG_NAME, AgencyConfig
from broker.agency.config_rules import MARKER_FIX
from broker.agency.config_sections import FOLDER
from broker.agency.kinds import GROUP, own_documents, unknown_kind
from broker.errors import ConfigError
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
        ConfigError: ``config_invalid``: a done marker has an ending of the agency's exports.
        MappingFileError: the agency's mapping file cannot be used.
    """
    found = _loaded(config.adapter.kind)
    if isinstance(found, AdapterFactory):
        found = found.for_agency(folder, config.adapter.mapping, own_documents(folder))
    adapter = cast("AgencyAdapter", found)
    _require_distinct_markers(config, adapter)
    return adapter


def _require_distinct_markers(config: AgencyConfig, adapter: AgencyAdapter) -> None:
    """Check that an export is never taken for the done marker of another file.

    Raises:
        ConfigError: ``config_invalid``; names the file and the setting.
    """
    source = config.adapter.source
    section = config.sftp if source == "sftp" else config.folders if source == FOLDER else None
    marker = None if section is None else section.done_marker
    if marker is not None and any(one.endswith(marker.lower()) for one in adapter.suffixes):
        name = "sftp" if source == "sftp" else "folders"
        raise ConfigError(
            f'The ending "{marker}" cannot be a done marker: exports of this agency have it.',
            code="config_invalid",
            where=f"{CONFIG_NAME}: {name}.done_marker",
            fix=MARKER_FIX,
        )


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
