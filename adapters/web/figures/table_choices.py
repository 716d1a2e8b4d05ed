"""Choices for a new table of figures, and the table that a form asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from adapters.web.figures.work import WantedTable
from adapters.web.visit import Form, Visit
from broker.errors import RegistryError
from broker.figures.combined import table_dimensions
from broker.figures.counting import Period, Subject, last_quarters
from broker.figures.referral_dimensions import counted_referrals
from broker.figures.tables import label_of
from broker.operations.figures import MOST_DIMENSIONS, counted_agreements
from contracts.model import Contract
from contracts.phrases import N_
from contracts.vocabulary.figures import Figures

QUARTERS: Final = 8
"""Quarters to choose from, with the present one."""


@dataclass(frozen=True, slots=True)
class Choices:
    """Choices for a new table.

    Attributes:
        titles: name of each agreement with its title.
        quarters: the quarters, the present one first.
        subjects: of what the agreement has figures; cases first.
        of: the chosen one of them.
        dimensions: name of each dimension of it with its label.
        agreement: name of the chosen agreement; empty if no agreement counts cases.
        publisher: the other party that alone publishes under this agreement; empty if we may.
    """

    titles: Mapping[str, str]
    quarters: Sequence[Period]
    subjects: Sequence[Subject]
    of: Subject
    dimensions: Mapping[str, str]
    agreement: str
    publisher: str


def choices_of(visit: Visit, form: Form) -> Choices:
    """Return the choices under the agreement, and of the subject, that a form names."""
    found = counted(visit)
    asked = form.text("agreement")
    name = asked if asked in found else next(iter(sorted(found)), "")
    figures: dict[Subject, Figures] = {}
    publishers: frozenset[str] = frozenset()
    if name:
        contract, figures["cases"] = found[name]
        publishers = contract.figures_publishers
        if (referrals := referral_figures(contract)) is not None:
            figures["referrals"] = referrals
    of: Subject = "referrals" if form.text("of") == "referrals" in figures else "cases"
    return Choices(
        titles={one: contract.title for one, (contract, _) in found.items()},
        quarters=last_quarters(visit.agency.clock(), QUARTERS),
        subjects=tuple(figures),
        of=of,
        dimensions=dimension_labels(figures[of]) if figures else {},
        agreement=name,
        publisher=""
        if visit.agency.participant().agency in publishers
        else next(iter(publishers), ""),
    )


def counted(visit: Visit) -> Mapping[str, tuple[Contract, Figures]]:
    """Return the agreements that this agency counts under, by name; none if none is in force."""
    agency = visit.agency
    try:
        found = counted_agreements(agency.participant(), agency.clock())
    except RegistryError as error:
        if error.code not in ("contract_missing", "contract_not_in_force"):
            raise
        return {}
    return {name: (contract, figures) for name, (contract, figures, _) in found.items()}


def referral_figures(contract: Contract) -> Figures | None:
    """Return by what an agreement counts referrals; None if it does not."""
    found = counted_referrals(contract)
    return None if found is None else found[0]


def dimension_labels(figures: Figures) -> Mapping[str, str]:
    """Return each dimension with its label, in the order of the vocabulary."""
    names = dict.fromkeys((*figures.dimensions, *table_dimensions(figures)))
    return {one: label_of(one, figures) for one in names}


def wanted_table(form: Form, choices: Choices) -> WantedTable:
    """Return the table that a form asks for."""
    return WantedTable(
        choices.agreement,
        form.text("period"),
        tuple(form.all("by")),
        choices.of,
        incomplete=form.text("incomplete") == "yes",
    )


def faults_in(wanted: WantedTable, choices: Choices) -> Sequence[tuple[str, str]]:
    """Return the faults of a form: (id of the field, marked text)."""
    known = {one.name for one in choices.quarters}
    by = set(wanted.by)
    return [
        (field, text)
        for field, text, wrong in (
            ("period", N_("Choose a quarter"), wanted.period not in known),
            (
                "by",
                N_("Choose one, two or three"),
                not 1 <= len(wanted.by) <= MOST_DIMENSIONS
                or len(by) != len(wanted.by)
                or not by <= choices.dimensions.keys(),
            ),
        )
        if wrong
    ]
