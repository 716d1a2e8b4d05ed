"""Gauge whose labels are those of the present state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from prometheus_client import Gauge

_Labels = TypeVar("_Labels", bound=tuple[str, ...])


class CurrentGauge:
    """A gauge with labels of the present state; a label that no longer applies is removed."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._shown: set[tuple[str, ...]] = set()

    def show(self, values: Mapping[_Labels, float]) -> None:
        """Set these values, and remove all others."""
        for labels, value in values.items():
            self._gauge.labels(*labels).set(value)
        for gone in self._shown - set(values):
            self._gauge.remove(*gone)
        self._shown = set(values)
