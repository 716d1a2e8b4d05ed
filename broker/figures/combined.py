"""Combinations: a dimension that tells which values a case has together.

For a dimension with several values, `NAME_combined` has the values of a case that has at least two,
and `one-alone` for a case with one. A table by both shows each value alone, with any other, and
with each other (docs/spec/figures.md, "Releases").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from broker.figures.counting import dimension_names
from contracts.vocabulary.figures import NOT_STATED, ONE_ALONE, Figures

__all__ = ["base_of", "combined_codes", "combined_values", "table_dimensions"]

_SUFFIX: Final = "_combined"


def base_of(name: str, figures: Figures) -> str | None:
    """Return the dimension of which another one has the combinations; None for any other name."""
    base = name.removesuffix(_SUFFIX)
    found = figures.dimensions.get(base)
    derived = base != name and name not in figures.dimensions
    return base if derived and found is not None and found.several else None


def table_dimensions(figures: Figures) -> tuple[str, ...]:
    """Return the names by which a table can be made, sorted."""
    derived = (f"{name}{_SUFFIX}" for name in figures.dimensions)
    return tuple(
        sorted({*dimension_names(figures), *(one for one in derived if base_of(one, figures))})
    )


def combined_codes(base: str, figures: Figures) -> Mapping[str, str]:
    """Return the values of the combinations of a dimension, with their labels."""
    return {ONE_ALONE: "One value alone", **figures.dimensions[base].codes}


def combined_values(values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values in combination of a case, from its values of the dimension."""
    if len(values) > 1 or values == (NOT_STATED,):
        return values
    return (ONE_ALONE,)
