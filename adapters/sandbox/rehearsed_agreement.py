"""Agreement of a rehearsal: the terms of the agency's own agreement, with sandbox parties and keys.

It is found in the agency's folder, signed or not, or named on the command line. Parties keep their
ids and roles, so that the codes of the agency's own system for its partners fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.trial_terms import invented_partners, plain_party, without_parties
from broker.errors import ConfigError, WrongInputError
from broker.keys.durable import files_in
from broker.operations.agency_entry import own_entry
from broker.operations.contract_draft import party_from_entry, terms_of
from contracts.drafting import YamlValue
from contracts.loading import (
    ContractText,
    documents_beside,
    load_draft,
    parse_draft,
    shipped_names,
    shipped_terms,
)
from contracts.model import Contract
from contracts.vocabulary.known import Documents

VOCABULARY_END: Final = ".vocabulary.yaml"
"""End of the name of a vocabulary beside an agreement."""
REPORTS: Final = "report_every"
REPORT_EVERY: Final = "PT1M"
"""Interval of reports in a rehearsal: the shortest that an agreement can have."""


@dataclass(frozen=True, slots=True)
class RehearsedAgreement:
    """Terms and parties of a rehearsal.

    Attributes:
        terms: the text without parties, dates and keys.
        parties: as `contracts.drafting.draft` takes them; the agency is one of them.
        agency: id of the rehearsed agency.
        documents: places of its vocabulary.
        contract: the agreement that was read.
        found_in: where it was read.
    """

    terms: str
    parties: Sequence[Mapping[str, YamlValue]]
    agency: str
    documents: Documents
    contract: Contract
    found_in: str

    @property
    def partners(self) -> tuple[str, ...]:
        """Return the ids of the simulated partners."""
        return tuple(str(one["id"]) for one in self.parties if one["id"] != self.agency)


def rehearsed_agreement(
    directory: Path, agency: str, named: str | None, now: int
) -> RehearsedAgreement:
    """Find the agreement of a rehearsal.

    Args:
        directory: the agency's folder; it is only read.
        agency: its id.
        named: a file, or the name of shipped terms; None for the agreement in the folder.
        now: milliseconds since the epoch.

    Raises:
        WrongInputError: `terms_unknown`, or `option_missing`: there are several agreements.
        ConfigError: `sandbox_no_agreement`: there is none that gives this agency a role.
        ContractError, EntryError: the agreement or the agency's entry cannot be used.
    """
    text, documents = _read(directory, agency, named, now)
    contract = text.contract
    parties = [
        plain_party(one.model_dump(mode="json", exclude_none=True)) for one in contract.parties
    ]
    if agency not in {one["id"] for one in parties}:
        parties.insert(0, party_from_entry(own_entry(directory, agency, now), contract))
    if len(parties) == 1:
        parties += invented_partners(contract, parties[0])
    rest = without_parties(text.raw.decode(), more=(REPORTS,)).rstrip()
    terms = f"{rest}\n{REPORTS}: {REPORT_EVERY}\n"
    return RehearsedAgreement(terms, parties, agency, documents, contract, text.where)


def _read(
    directory: Path, agency: str, named: str | None, now: int
) -> tuple[ContractText, Documents]:
    if named is not None:
        text = terms_of(named)
        documents = documents_beside(Path(named))
        return parse_draft(text.encode(), named, documents), documents
    found: list[ContractText] = []
    for path in files_in(directory / "contracts", "*.yaml"):
        if path.name.endswith(VOCABULARY_END):
            continue
        text_here = load_draft(path)
        if text_here.contract.party(agency) is not None:
            found.append(text_here)
    names = sorted({one.contract.name for one in found})
    if len(names) > 1:
        raise WrongInputError(
            f"This agency has several agreements: {', '.join(names)}.",
            code="option_missing",
            where="--agreement",
            fix="Give one of the files of its folder contracts/ with --agreement.",
        )
    if found:
        newest = max(found, key=lambda one: [int(n) for n in one.contract.version.split(".")])
        return newest, documents_beside(Path(newest.where))
    return _shipped(directory, agency, now)


def _shipped(directory: Path, agency: str, now: int) -> tuple[ContractText, Documents]:
    """Return the first shipped terms that have a role for this agency."""
    role = own_entry(directory, agency, now).entry.profile.role
    for name in shipped_names():
        text = parse_draft(shipped_terms(name).encode(), name)
        if role in text.contract.roles:
            return text, documents_beside(Path(name))
    raise ConfigError(
        f"No agreement of this agency, and none of the software, has the role {role}.",
        code="sandbox_no_agreement",
        where=str(directory / "contracts"),
        fix="Give a draft of your agreement with --agreement FILE.",
    )
