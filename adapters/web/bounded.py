"""Values by key, of which a session keeps the newest only."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Bounded(Generic[Value]):
    """Values by key.

    Args:
        most: number of values; one more forgets the oldest.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[str, Value] = OrderedDict()

    def put(self, key: str, value: Value) -> None:
        """Keep a value as the newest."""
        self._values.pop(key, None)
        self._values[key] = value
        while len(self._values) > self._most:
            self._values.popitem(last=False)

    def get(self, key: str) -> Value | None:
        """Return the value of a key; None if it was not kept, or was forgotten."""
        return self._values.get(key)
