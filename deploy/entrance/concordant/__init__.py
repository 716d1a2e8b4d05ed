"""Entrance to Concordant: a name that no other distribution has.

`broker`, `contracts` and `adapters` are names that other distributions use too. A program that
begins with `from concordant import subscribe` gets `package_foreign` if Python would import one of
theirs. Nothing is imported before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from concordant.packages import InstallationError, library_missing, require_own_packages

if TYPE_CHECKING:
    from broker.subscriber import subscribe

__version__ = "0.1.0"

__all__ = ["InstallationError", "__version__", "require_own_packages", "subscribe"]


def __getattr__(name: str) -> object:
    if name == "subscribe":
        require_own_packages()
        try:
            from broker.subscriber import subscribe
        except ModuleNotFoundError as error:
            raise library_missing(error, "subscriber") from None
        return subscribe
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
