"""Entrance to Concordant: a name that no other distribution has.

`broker`, `contracts` and `adapters` are names that other distributions use too. A program that
begins with `from concordant import connect` gets `package_foreign` if Python would import one of
theirs. Nothing is imported before it is asked for: `connect` and the events need no cryptographic
library and no key.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from concordant.packages import InstallationError, library_missing, require_own_packages

if TYPE_CHECKING:
    from broker.subscriber import subscribe
    from concordant.beside import open_agency, open_agency_async, publish
    from concordant.client import (
        Accepted,
        AsyncClient,
        AsyncReceived,
        AsyncSubscription,
        Client,
        ClientError,
        Event,
        Queued,
        Received,
        ReceivedEvent,
        Relayed,
        Subscription,
        connect,
        connect_async,
        create_tables,
        create_tables_async,
    )

__version__ = "0.1.0"

__all__ = [
    "Accepted",
    "AsyncClient",
    "AsyncReceived",
    "AsyncSubscription",
    "Client",
    "ClientError",
    "Event",
    "InstallationError",
    "Queued",
    "Received",
    "ReceivedEvent",
    "Relayed",
    "Subscription",
    "__version__",
    "connect",
    "connect_async",
    "create_tables",
    "create_tables_async",
    "open_agency",
    "open_agency_async",
    "publish",
    "require_own_packages",
    "subscribe",
]

_ELSEWHERE: Final = {
    "subscribe": ("broker.subscriber", "subscriber"),
    "open_agency": ("concordant.beside", "adapter"),
    "open_agency_async": ("concordant.beside", "adapter"),
    "publish": ("concordant.beside", "adapter"),
}
"""Name -> its module, and the extra that has the libraries of the module."""
_CLIENT: Final = ("concordant.client", "reader")


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require_own_packages()
    module, extra = _ELSEWHERE.get(name, _CLIENT)
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise library_missing(error, extra) from None
