"""Content of a statement with counts: its form in bytes, and what it may say.

docs/spec/figures.md, "Exchange". The content is the canonical form of the counts, compressed with
zlib (RFC 1950). Sizes are bounded before anything is expanded or parsed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field, StrictInt, ValidationError

from broker.figures.counting import Atom, CountsOf, ReferralCounts, dimension_names
from broker.figures.dimension_values import values_of
from broker.figures.facts import case_figures
from broker.figures.referral_dimensions import counted_referrals
from broker.statements.counts_statement import MAX_CONTENT_BYTES
from contracts.model import Contract
from contracts.vocabulary.figures import SOURCE, Figures

__all__ = ["MAX_ATOMS", "MAX_JSON_BYTES", "fault_in", "packed", "unpacked"]

MAX_JSON_BYTES: Final = 8 * 1024 * 1024
"""Maximum size of the canonical form."""
MAX_ATOMS: Final = 32_768
"""Maximum number of atoms."""
MAX_CASES: Final = 10_000_000
"""Maximum number of cases of one agency for a period, counted and not counted."""
# A list is read up to its first fault: pydantic would keep a fault of each (denial of service).
_Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Text = Annotated[str, Field(max_length=200)]
_Values = Annotated[tuple[_Text, ...], FailFast(), Field(min_length=1, max_length=64)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _AtomForm(_Form):
    values: Annotated[tuple[_Values, ...], FailFast(), Field(max_length=18)]
    cases: Annotated[StrictInt, Field(ge=1, le=MAX_CASES)]


class _ReferralAtomForm(_Form):
    values: Annotated[tuple[_Values, ...], FailFast(), Field(max_length=18)]
    referrals: Annotated[StrictInt, Field(ge=1, le=MAX_CASES)]


class _ReferralsForm(_Form):
    dimensions: Annotated[tuple[_Text, ...], FailFast(), Field(max_length=18)]
    atoms: Annotated[tuple[_ReferralAtomForm, ...], FailFast(), Field(max_length=MAX_ATOMS)]
    without_consent: Annotated[StrictInt, Field(ge=0, le=MAX_CASES)]

    def counts(self) -> ReferralCounts:
        atoms = {atom.values: atom.referrals for atom in self.atoms}
        return ReferralCounts(self.dimensions, atoms, self.without_consent)


class _CountsForm(_Form):
    format: Literal["concordant.counts/v1"]
    deployment: _Text
    agreement: _Text
    agency: _Text
    period: _Text
    salt: _Hash
    vocabulary: _Hash
    dimensions: Annotated[tuple[_Text, ...], FailFast(), Field(max_length=18)]
    atoms: Annotated[tuple[_AtomForm, ...], FailFast(), Field(max_length=MAX_ATOMS)]
    without_consent: Annotated[StrictInt, Field(ge=0, le=MAX_CASES)]
    referrals: _ReferralsForm | None = None


def packed(said: CountsOf) -> bytes | None:
    """Return counts as the content of a statement; None if they are too large for one."""
    data = said.canonical()
    content = zlib.compress(data, 9)
    referrals = 0 if said.referrals is None else len(said.referrals.atoms)
    few = max(len(said.atoms), referrals) <= MAX_ATOMS
    fits = few and len(data) <= MAX_JSON_BYTES and len(content) <= MAX_CONTENT_BYTES
    return content if fits else None


def unpacked(content: bytes) -> CountsOf:
    """Return the counts of a statement's content.

    Raises:
        ValueError: it has another form; the text says what is wrong, and no value.
    """
    data = _expanded(content)
    try:
        form = _CountsForm.model_validate_json(data)
    except ValidationError as error:
        raise ValueError("its content does not have the required members") from error
    said = CountsOf(
        deployment=form.deployment,
        agreement=form.agreement,
        agency=form.agency,
        period=form.period,
        vocabulary=form.vocabulary,
        dimensions=form.dimensions,
        atoms={atom.values: atom.cases for atom in form.atoms},
        without_consent=form.without_consent,
        referrals=None if form.referrals is None else form.referrals.counts(),
        salt=form.salt,
    )
    if said.canonical() != data:
        raise ValueError("its content is not in the canonical form")
    referrals = 0 if said.referrals is None else sum(said.referrals.atoms.values())
    if max(said.cases, referrals) > MAX_CASES:
        raise ValueError("it counts too many cases or referrals")
    return said


def _expanded(content: bytes) -> bytes:
    expander = zlib.decompressobj()
    try:
        data = expander.decompress(content, MAX_JSON_BYTES + 1)
    except zlib.error:
        raise ValueError("its content is not compressed") from None
    if len(data) > MAX_JSON_BYTES:
        raise ValueError("its content is too large")
    if not expander.eof or expander.unused_data:
        raise ValueError("its content does not end where it should")
    return data


def fault_in(said: CountsOf, contract: Contract, role: str) -> str | None:
    """Return what in counts does not fit the vocabulary that they name; None if all fits.

    Args:
        said: counts of another agency, with the vocabulary of the agreement.
        contract: the agreement.
        role: that of the agency.
    """
    figures = case_figures(contract)
    if figures is None:
        return "the agreement counts nothing"
    fault = _fault_in_atoms(role, said.dimensions, said.atoms, contract, figures)
    referrals, counted = said.referrals, counted_referrals(contract)
    if fault is not None or referrals is None or counted is None:
        unlike = (referrals is None) != (counted is None)
        return "it counts referrals, or not, unlike the agreement" if unlike else fault
    return _fault_in_atoms(role, referrals.dimensions, referrals.atoms, contract, counted[0])


def _fault_in_atoms(
    role: str,
    dimensions: Sequence[str],
    atoms: Iterable[Atom],
    contract: Contract,
    figures: Figures,
) -> str | None:
    names = dimension_names(figures)
    if dimensions != names:
        return "its dimensions are others than those of the vocabulary"
    allowed = [frozenset(values_of(name, contract, figures)) for name in names]
    allowed = [
        codes & {role} if name == SOURCE else codes
        for name, codes in zip(names, allowed, strict=True)
    ]
    several = [name in figures.dimensions and figures.dimensions[name].several for name in names]
    for atom in atoms:
        if len(atom) != len(names):
            return "a combination does not have one value for each dimension"
        for values, codes, many in zip(atom, allowed, several, strict=True):
            if not codes.issuperset(values):
                return "a value is not in the code list of its dimension"
            if not _is_ascending(values) or (len(values) > 1 and not many):
                return "a dimension has more values than it can have"
    return None


def _is_ascending(values: Sequence[str]) -> bool:
    return all(before < after for before, after in pairwise(values))
