"""Statistical disclosure control: hides the counts from which a small number could be found.

`protect` takes exact counts, the cells of the tables to publish and the earlier releases, and says
which counts are shown, rounded, and which are hidden. It is pure: no file, no clock, no network.
The guarantee and the rules are in docs/spec/figures.md, "Disclosure control".
"""

from broker.figures.disclosure.model import (
    BREAKDOWN_DIMENSIONS,
    Cell,
    Counts,
    Figure,
    Mark,
    Release,
    TooLargeError,
    UnprotectedError,
    threshold_for,
)
from broker.figures.disclosure.release import protect
from broker.figures.disclosure.work_limits import require_few_cells

__all__ = [
    "BREAKDOWN_DIMENSIONS",
    "Cell",
    "Counts",
    "Figure",
    "Mark",
    "Release",
    "TooLargeError",
    "UnprotectedError",
    "protect",
    "require_few_cells",
    "threshold_for",
]
