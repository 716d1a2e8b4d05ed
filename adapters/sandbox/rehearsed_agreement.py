"""Agreement of a rehearsal: the terms of the agency's own agreement, with sandbox parties and keys.

It is found in the agency's folder, signed or not, or named on the command line. Parties keep their
ids and roles, so that the codes of the agency's own system for its partners fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from broker.errors import ConfigError, WrongInputError
from broker.keys.durable import files_in
from broker.operations.agency_entry import own_entry
from broker.operations.contract_draft import party_of, terms_of
from contracts.drafting import YamlValue, london_parties
from contracts.errors import ContractError
from contracts.loading import (
    ContractText,
    documents_beside,
    load_draft,
    parse_draft,
    shipped_names,
    shipped_terms,
)
from contracts.model import Contract
from contracts.terms import Regime
from contracts.vocabulary.known import Documents

OF_PARTIES: Final = frozenset(
    {
        "deployment",
        "starts",
        "ends",
        "review_on",
        "review_by",
        "parties",
        "governance_keys",
        "pins",
        "previous",
    }
)
"""Members of an agreement that its parties bring; everything else is its terms."""
REPORTS: Final = "report_every"
REPORT_EVERY: Final = "PT1M"
"""Interval of reports in a rehearsal: the shortest that an agreement can have."""
_NOT_COPIED: Final = frozenset({"kafka_principal"})
_CONTACTS: Final = ("data_protection_officer", "operations", "breach", "rights_and_complaints")


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
    parties = [_plain(one.model_dump(mode="json", exclude_none=True)) for one in contract.parties]
    if agency not in {one["id"] for one in parties}:
        parties.insert(0, party_of(own_entry(directory, agency, now), contract))
    if len(parties) == 1:
        parties += _invented(contract, parties[0])
    terms = f"{without_parties(text.raw.decode()).rstrip()}\n{REPORTS}: {REPORT_EVERY}\n"
    return RehearsedAgreement(terms, parties, agency, documents, contract, text.where)


def without_parties(text: str) -> str:
    """Return the text of an agreement without what its parties bring and without `report_every`.

    Args:
        text: an agreement or terms that `parse_draft` takes.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)  # the text is an agreement
    lines = text.splitlines(keepends=True)
    starts = [key.start_mark.line for key, _ in root.value]
    ends = [*starts[1:], len(lines)]
    for (key, _), first, after in reversed(list(zip(root.value, starts, ends, strict=True))):
        if key.value in OF_PARTIES | {REPORTS}:
            del lines[first:after]
    return "".join(lines)


def _read(
    directory: Path, agency: str, named: str | None, now: int
) -> tuple[ContractText, Documents]:
    if named is not None:
        text = terms_of(named)
        documents = documents_beside(Path(named))
        return parse_draft(text.encode(), named, documents), documents
    found: list[ContractText] = []
    for path in files_in(directory / "contracts", "*.yaml"):
        try:
            text_here = load_draft(path)
        except ContractError:  # a vocabulary, for example
            continue
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


def _invented(contract: Contract, own: Mapping[str, YamlValue]) -> list[Mapping[str, YamlValue]]:
    """Return invented partners: one for each role, or those of the shipped partnership."""
    shipped = [one for one in london_parties() if one["id"] != own["id"]]
    if {one["role"] for one in shipped} == contract.roles.keys():
        return [_plain(one) for one in shipped]
    return [_party(contract, role, own) for role in contract.roles]


def _party(contract: Contract, role: str, own: Mapping[str, YamlValue]) -> Mapping[str, YamlValue]:
    bases = [one for one in contract.legal_bases if role in one.relied_on_by]
    regimes: set[Regime] = {one.regime for one in bases}
    agency = f"sandbox-{role}"[:60]
    contact = {"name": "Sandbox desk", "email": f"desk@{agency}.example"}
    return {
        "id": agency,
        "legal_name": f"Sandbox {role} (invented)",
        "role": role,
        "area": own["area"],
        "regime": min(regimes) if regimes else own["regime"],
        "relationship": "separate-controller",
        "public_authority": own["public_authority"],
        "contacts": {function: dict(contact) for function in _CONTACTS},
    }


def _plain(party: Mapping[str, Any]) -> Mapping[str, YamlValue]:
    return {name: value for name, value in party.items() if name not in _NOT_COPIED}
