"""Rows for figures that were altered in the state database, named as an error of the state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from broker.envelope.primitives import SealBroken
from broker.errors import StoreError


@contextmanager
def altered_rows_named() -> Iterator[None]:
    """Turn a row that cannot be decrypted into an error of the state.

    Raises:
        StoreError: `store_corrupt`.
    """
    try:
        yield
    except SealBroken:
        raise StoreError(
            "A row for figures in the state database was changed.",
            code="store_corrupt",
            fix="Restore the state from a backup.",
        ) from None
