"""Format of the part that says what figures count: dimensions, consent, corrections, recording."""

from __future__ import annotations

from pydantic import Field, StrictBool

from contracts.term import Term, Text
from contracts.vocabulary.name_forms import LeafPath, Name, TypeName

__all__ = ["CorrectionForm", "DimensionForm", "FiguresForm", "RecordingForm"]


class DimensionForm(Term):
    """One characteristic by which cases are counted.

    Attributes:
        label: the characteristic in words.
        several: whether a case may have several values at once.
        leaves: event type to the leaf path that gives the value.
    """

    label: Text
    several: StrictBool = False
    leaves: dict[TypeName, LeafPath] = Field(min_length=1)


class CorrectionForm(Term):
    """Event type that corrects an earlier event, and leaf paths in it.

    Attributes:
        source: agency of the corrected event.
        id: its id.
        withdrawn: leaf paths of the corrected event that are withdrawn.
    """

    type: TypeName
    source: LeafPath
    id: LeafPath
    withdrawn: LeafPath


class RecordingForm(Term):
    """Dimension of the recording of a case, and the areas of the agencies that record.

    Attributes:
        dimension: its name. Statements of third-party reporting services do not count for it.
        third_party: name in words of a case that only such services stated.
        areas: code list with the names of the areas of agencies.
    """

    dimension: Name
    third_party: Text
    areas: Name


class FiguresForm(Term):
    """Figures: by what cases are counted, and which of them are.

    Attributes:
        consent: scope without which a case is not counted; None if figures need no consent.
    """

    consent: Name | None = None
    corrected: CorrectionForm | None = None
    recording: RecordingForm | None = None
    dimensions: dict[Name, DimensionForm] = Field(min_length=1, max_length=16)
