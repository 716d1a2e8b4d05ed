"""Terms and parties of a partnership with throw-away keys, from an agreement or from terms."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import yaml

from contracts.drafting import YamlValue, london_parties
from contracts.model import Contract
from contracts.terms import Regime

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
_NOT_COPIED: Final = frozenset({"kafka_principal"})
_CONTACTS: Final = ("data_protection_officer", "operations", "breach", "rights_and_complaints")


def without_parties(text: str, more: Collection[str] = ()) -> str:
    """Return the text of an agreement without the members that its parties bring.

    Args:
        text: an agreement or terms that `parse_draft` takes.
        more: further members that are left out.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)  # the text is an agreement
    lines = text.splitlines(keepends=True)
    starts = [key.start_mark.line for key, _ in root.value]
    ends = [*starts[1:], len(lines)]
    for (key, _), first, after in reversed(list(zip(root.value, starts, ends, strict=True))):
        if key.value in OF_PARTIES or key.value in more:
            del lines[first:after]
    return "".join(lines)


def invented_partners(
    contract: Contract, own: Mapping[str, YamlValue]
) -> list[Mapping[str, YamlValue]]:
    """Return invented partners of an agency: one for each role, or the shipped ones if they fit.

    Args:
        contract: the terms.
        own: the agency as a party.
    """
    shipped = [one for one in london_parties() if one["id"] != own["id"]]
    if {one["role"] for one in shipped} == contract.roles.keys():
        return [plain_party(one) for one in shipped]
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


def plain_party(party: Mapping[str, Any]) -> Mapping[str, YamlValue]:
    """Return a party without what its own agency brings."""
    return {name: value for name, value in party.items() if name not in _NOT_COPIED}
