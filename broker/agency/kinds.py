"""Kinds of adapter that are installed, as their packages declare them.

An adapter is a package of its own, found by its entry point. This layer asks only whether a kind
can be loaded; what it does with it is the adapter's business.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final

from broker.errors import ConfigError
from contracts.names import suggestion

GROUP: Final = "concordant.adapters"


def declared_kinds() -> tuple[str, ...]:
    """What `[adapter] kind` may be, sorted; empty where no package is installed as one."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def require_kind(kind: str) -> None:
    """Load the adapter of that kind, and let it go.

    Raises:
        ConfigError: `config_adapter_unknown`, or `config_adapter_broken`: its package cannot be
            loaded.
    """
    found = {point.name: point for point in entry_points(group=GROUP)}
    if kind not in found:
        raise unknown_kind(kind, declared_kinds())
    try:
        found[kind].load()
    except Exception as error:  # noqa: BLE001 - another package's import may raise anything
        raise ConfigError(
            f"The package that offers this kind of adapter cannot be loaded "
            f"({type(error).__name__})",
            code="config_adapter_broken",
            where="agency.toml: adapter.kind",
            fix=f"install {found[kind].value.partition(':')[0]} again, or correct it",
        ) from None


def unknown_kind(kind: str, installed: tuple[str, ...]) -> ConfigError:
    """No package offers that kind; names those that are installed."""
    return ConfigError(
        "No installed package offers this kind of adapter",
        code="config_adapter_unknown",
        where="agency.toml: adapter.kind",
        fix=f"{suggestion(kind, installed)} Use one that is installed, or install the package that "
        "offers it",
    )
