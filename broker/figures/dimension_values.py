"""Values that a dimension can have, and names of dimensions in words."""

from __future__ import annotations

from collections.abc import Mapping

from broker.figures.combined import base_of, combined_codes
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

__all__ = ["label_of", "values_of"]


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


def label_of(name: str, figures: Figures) -> str:
    """Return a dimension in words."""
    own = {
        SOURCE: N_("Agency that first recorded the case"),
        UNIT_AREA: N_("Area of the recording unit"),
    }
    if (base := base_of(name, figures)) is not None:
        return phrase("%(label)s, together in one case", label=figures.dimensions[base].label)
    return figures.dimensions[name].label if name in figures.dimensions else own[name]
