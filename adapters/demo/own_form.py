"""File and reference formats of each kind of agency, beside its mapping file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from adapters.council import ADAPTER as COUNCIL
from adapters.cps import ADAPTER as CPS
from adapters.csu import ADAPTER as CSU
from adapters.demo.samples import council as council_samples
from adapters.demo.samples import cps as cps_samples
from adapters.demo.samples import csu as csu_samples
from adapters.demo.samples import support as support_samples
from adapters.demo.samples.sample_rows import SampleRow
from adapters.mapping import RowMapping
from adapters.support import ADAPTER as SUPPORT
from contracts.errors import ConcordantError

CSU_EXTRACTED = "23/11/2026"
CPS_EXTRACTED = "2026-11-23"


@dataclass(frozen=True)
class OwnForm:
    """Formats of one kind of system.

    Attributes:
        mapping: its terms.
        content: writes rows as a file.
        case_form, referral_form: own references, with ``{}`` for a number.
        extracted: column and text that every row has in addition.
    """

    mapping: RowMapping
    content: Callable[[Sequence[SampleRow]], bytes]
    case_form: str
    referral_form: str
    extracted: tuple[str, str] | None = None

    @cached_property
    def importing(self) -> RowMapping:
        """Return the terms for imports, which may lack columns of this system's own exports."""
        document = self.mapping.document
        kinds = {own: k.model_copy(update={"required": ()}) for own, k in document.kinds.items()}
        return RowMapping(document.model_copy(update={"kinds": kinds}))

    def write(self, rows: Sequence[Mapping[str, object]]) -> bytes:
        """Write rows as a file of this system."""
        return self.content([SampleRow(row, 0, "") for row in rows])

    def case_reference(self, number: int) -> str:
        """Return an own reference for a case."""
        return self.case_form.format(number)

    def referral_reference(self, number: int) -> str:
        """Return an own reference for a referral."""
        return self.referral_form.format(number)

    def always(self) -> dict[str, object]:
        """Return the values that every row has."""
        return dict([self.extracted]) if self.extracted else {}

    def kind_of(self, event_type: str) -> str:
        """Return the system's own word for the first kind of row of a type."""
        kinds = self.mapping.document.kinds
        return next(own for own, kind in kinds.items() if kind.type == event_type)

    def column(self, path: str, event_type: str = "referral.made") -> str:
        """Return the system's own column name for a leaf, or the path if there is none."""
        columns = self.mapping.document.columns_of(event_type)
        return next((c.column for c, leaf in columns if leaf == path), path)


def own_form(kind: str) -> OwnForm:
    """Return the formats of a kind of adapter.

    Raises:
        ConcordantError: ``demo_kind_unknown``.
    """
    if kind == "csu":
        extracted = ("EXTRACT_DATE", CSU_EXTRACTED)
        return OwnForm(CSU.mapping, csu_samples.sample_file, "01/95{}/26", "R{}-1", extracted)
    if kind == "cps":
        extracted = ("Case/ExtractedOn", CPS_EXTRACTED)
        return OwnForm(CPS.mapping, cps_samples.sample_file, "CMS-{}", "CMS-{}/R", extracted)
    if kind in ("council", "council-csv"):
        form = council_samples.sample_file

        def council(rows: Sequence[SampleRow]) -> bytes:
            return form(rows, "csv" if kind == "council-csv" else "jsonl")

        return OwnForm(COUNCIL.mapping, council, "ASB/2026/{}", "HSG/{}/1")
    if kind == "support":
        return OwnForm(SUPPORT.mapping, support_samples.sample_file, "C-{}", "C-{}/1")
    raise ConcordantError(f"the demo has no form for {kind}", code="demo_kind_unknown")
