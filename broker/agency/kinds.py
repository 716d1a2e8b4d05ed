"""Installed kinds of adapter, as their packages declare them.

An adapter is a separate package, found by its entry point. This layer only checks whether a kind
can be loaded.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, cast

from broker.errors import ConfigError
from contracts.loading import DOCUMENTS_FOLDER
from contracts.names import suggestion
from contracts.vocabulary.known import Documents

GROUP: Final = "concordant.adapters"
SOURCES: Final = "concordant.sources"
"""Group of the entry points of sources."""
SINKS: Final = "concordant.sinks"
"""Group of the entry points of sinks."""
SHIPPED: Final = {
    SOURCES: frozenset({"bus", "database", "desk", "folder", "http", "sftp"}),
    SINKS: frozenset({"bus", "database", "desk", "folder", "http", "sftp", "webhook"}),
}
"""Names of the sources and sinks of this package."""


def declared_kinds() -> tuple[str, ...]:
    """Return the possible values of `[adapter] kind`, sorted.

    Empty if no package is installed as one.
    """
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def require_kind(kind: str) -> object:
    """Load the adapter of that kind, to check that it can be loaded, and return it.

    Raises:
        ConfigError: `config_adapter_unknown`, or `config_adapter_broken`: its package cannot be
            loaded.
    """
    found = {point.name: point for point in entry_points(group=GROUP)}
    if kind not in found:
        raise unknown_kind(kind, declared_kinds())
    try:
        return cast("object", found[kind].load())
    except Exception as error:  # noqa: BLE001 - another package's import may raise anything
        raise ConfigError(
            f"The package that offers this kind of adapter cannot be loaded "
            f"({type(error).__name__})",
            code="config_adapter_broken",
            where="agency.toml: adapter.kind",
            fix=f"Install {found[kind].value.partition(':')[0]} again, or correct it.",
        ) from None


def require_side(group: str, name: str) -> None:
    """Load a source or sink, to check that it can be loaded.

    Args:
        group: `SOURCES` or `SINKS`.
        name: its name in agency.toml.

    Raises:
        ConfigError: `config_side_unknown`, or `config_adapter_broken`: its package cannot be
            loaded.
    """
    found = {point.name: point for point in entry_points(group=group)}
    if name not in found:
        if name in SHIPPED[group]:  # this package is here, whatever an older installation declares
            return
        raise unknown_side(group, name, tuple(sorted({*found, *SHIPPED[group]})))
    try:
        found[name].load()
    except Exception as error:  # noqa: BLE001 - another package's import may raise anything
        raise ConfigError(
            f"The package that offers this source or sink cannot be loaded "
            f"({type(error).__name__})",
            code="config_adapter_broken",
            where=_setting(group),
            fix=f"Install {found[name].value.partition(':')[0]} again, or correct it.",
        ) from None


def unknown_side(group: str, name: str, installed: tuple[str, ...]) -> ConfigError:
    """Return an error that lists the installed sources or sinks."""
    return ConfigError(
        "No installed package offers this source or sink.",
        code="config_side_unknown",
        where=_setting(group),
        fix=f"{suggestion(name, installed).rstrip('.')}. Use one of these, or install the package "
        "that offers it.",
    )


def _setting(group: str) -> str:
    return f"agency.toml: adapter.{'source' if group == SOURCES else 'sink'}"


def own_documents(folder: Path) -> Documents:
    """Return the places of an agency's own vocabularies: beside its agreements."""
    beside = folder / "contracts"
    return Documents({}, (folder, beside, folder / DOCUMENTS_FOLDER))


def unknown_kind(kind: str, installed: tuple[str, ...]) -> ConfigError:
    """Return an error that lists the installed kinds."""
    return ConfigError(
        "No installed package offers this kind of adapter.",
        code="config_adapter_unknown",
        where="agency.toml: adapter.kind",
        fix=f"{suggestion(kind, installed).rstrip('.')}. Use one of these, or install the package "
        "that offers it.",
    )
