"""Gauges of the adapters that share a state: which one works, and how many others there are."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from broker.store.adapters_seen import AdaptersSeen


class AdapterGauges:
    """Gauges that an adapter sets about itself and the others.

    Args:
        registry: of the adapter.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._works = self._gauge(
            registry, "adapter_works", "1 if this adapter works, 0 if it waits to take over."
        )
        self._waiting = self._gauge(
            registry, "adapters_waiting", "Adapters of the agency that wait to take over."
        )
        self._missing = self._gauge(
            registry, "adapters_missing", "Adapters of the agency that ended without being told to."
        )
        self._token = self._gauge(
            registry, "adapter_starts", "Times that an adapter began to work on a shared state."
        )

    def works(self) -> None:
        """Say that this adapter works."""
        self._works.set(1)

    def waits(self) -> None:
        """Say that this adapter waits."""
        self._works.set(0)

    def seen(self, adapters: AdaptersSeen) -> None:
        """Say how many others there are."""
        self._waiting.set(len(adapters.waits))
        self._missing.set(len(adapters.missing))
        self._token.set(adapters.token)

    @staticmethod
    def _gauge(registry: CollectorRegistry, name: str, text: str) -> Gauge:
        return Gauge(f"concordant_{name}", text, registry=registry)
