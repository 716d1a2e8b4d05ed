"""Rounding of published counts, and the interval that a rounded count leaves to a reader."""

from __future__ import annotations

__all__ = ["rounded", "rounding_interval"]


def rounded(value: int, base: int) -> int:
    """The multiple of `base` that is nearest to a count; of two equally near ones, the larger."""
    return (2 * value + base) // (2 * base) * base


def rounding_interval(shown: int, base: int) -> tuple[int, int]:
    """The smallest and the largest count, both at least 0, that `rounded` turns into `shown`."""
    return max(0, shown - base // 2), shown + (base - 1) // 2
