"""Values that a dimension can have, and names of dimensions in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from broker.figures.combined import base_of, combined_codes, table_dimensions
from contracts.model import Contract
from contracts.phrases import N_, phrase
from contracts.vocabulary.figures import (
    NOT_STATED,
    SEVERAL_AREAS,
    SOURCE,
    THIRD_PARTY_REPORT,
    UNIT_AREA,
    Figures,
)

__all__ = ["label_of", "missing_value", "values_of"]


def values_of(name: str, contract: Contract, figures: Figures) -> Mapping[str, str]:
    """Return the values that a dimension can have, with their labels, in their order."""
    if name == SOURCE:
        known: Mapping[str, str] = contract.roles
    elif name == UNIT_AREA:
        known = {**figures.areas, SEVERAL_AREAS: N_("Several areas")}
    elif (base := base_of(name, figures)) is not None:
        known = combined_codes(base, figures)
    else:
        known = figures.dimensions[name].codes
    if name == figures.recording:
        known = {**known, THIRD_PARTY_REPORT: figures.third_party}
    return {**known, NOT_STATED: N_("Not stated")}


def missing_value(
    wanted: Iterable[tuple[str, str]], contract: Contract, figures: Figures
) -> tuple[str, str] | None:
    """Return the first dimension and value that an agreement does not have; None if it has all.

    Args:
        wanted: dimensions with a value.
        contract: the agreement.
        figures: by what it counts cases, or referrals.
    """
    known = {name: values_of(name, contract, figures).keys() for name in table_dimensions(figures)}
    return next(((name, value) for name, value in wanted if value not in known.get(name, ())), None)


def label_of(name: str, figures: Figures) -> str:
    """Return a dimension in words."""
    own = {
        SOURCE: N_("Agency that first recorded the case"),
        UNIT_AREA: N_("Area of the recording unit"),
    }
    if (base := base_of(name, figures)) is not None:
        return phrase("%(label)s, together in one case", label=figures.dimensions[base].label)
    return figures.dimensions[name].label if name in figures.dimensions else own[name]
