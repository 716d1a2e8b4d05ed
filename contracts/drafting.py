"""Drafting of a contract: appends a partnership's sections to shipped terms as text.

Terms stay as they were written, comments included, because people read the file that they sign.
Parties, dates and governance keys are appended in the same YAML.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from contracts.documents import shipped_pins
from contracts.loading import parse_draft
from contracts.model import Pins
from contracts.parties import GovernanceKeys

__all__ = ["YamlValue", "draft", "london_parties", "section_lines"]

YamlValue: TypeAlias = "str | int | bool | date | Sequence[YamlValue] | Mapping[str, YamlValue]"

_PARTIES = Path(__file__).parent / "agreements" / "london-parties.json"
_FUNCTIONS = {
    "data_protection_officer": ("Data protection officer", "dpo"),
    "operations": ("Duty desk", "duty"),
    "breach": ("Breach desk", "breach"),
    "rights_and_complaints": ("Rights and complaints", "rights"),
}


def london_parties() -> list[dict[str, YamlValue]]:
    """Return the seven parties of the shipped partnership, as `draft` takes them."""
    parties: list[dict[str, YamlValue]] = json.loads(_PARTIES.read_text("utf-8"))["parties"]
    for party in parties:
        party["relationship"] = "separate-controller"
        party["contacts"] = {
            function: {"name": name, "email": f"{mailbox}@{party['id']}.example"}
            for function, (name, mailbox) in _FUNCTIONS.items()
        }
    return parties


def draft(
    terms_text: str,
    *,
    deployment: str,
    parties: Sequence[Mapping[str, YamlValue]],
    governance_keys: Mapping[str, GovernanceKeys],
    starts: date,
    ends: date,
    review_on: date,
    pins: Pins | None = None,
) -> str:
    """Return the text of a complete contract, ready for `parse_contract` and for signing.

    Args:
        terms_text: `contracts.loading.shipped_terms()` or an agency's own terms.
        deployment: name of the partnership on the wire.
        parties: the fields of `contracts.parties.Party`, as plain values; every one of them
            reviews the agreement.
        governance_keys: by agency id.
        starts: first day in force, UTC.
        ends: last day in force, UTC.
        review_on: by when the parties review it.
        pins: the framework agreement and the vocabulary; None pins the framework of the software
            and the vocabulary that the terms name.
    """
    signed_with = _pins_of(terms_text) if pins is None else pins
    sections: dict[str, YamlValue] = {
        "deployment": deployment,
        "starts": starts,
        "ends": ends,
        "review_on": review_on,
        "review_by": [str(party["id"]) for party in parties],
        "parties": parties,
        "governance_keys": {agency: keys.terms() for agency, keys in governance_keys.items()},
        "pins": {"framework": signed_with.framework, "vocabulary": signed_with.vocabulary},
    }
    added = "\n".join(section_lines(sections))
    head = "# Parties, dates, the keys that trust starts from, and the documents signed with it."
    return f"{terms_text.rstrip()}\n\n{head}\n{added}\n"


@lru_cache(maxsize=16)
def _pins_of(terms_text: str) -> Pins:
    return shipped_pins(parse_draft(terms_text.encode(), "the terms").contract.vocabulary)


def section_lines(values: Mapping[str, YamlValue], indent: str = "") -> Iterable[str]:
    """Return the lines of YAML that hold `values`, as an agreement writes them."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield f"{indent}{key}:"
            yield from section_lines(value, indent + "  ")
        elif isinstance(value, Sequence) and value and isinstance(value[0], Mapping):
            yield f"{indent}{key}:"
            for item in value:
                if isinstance(item, Mapping):
                    first, *rest = section_lines(item)
                    yield f"{indent}  - {first}"
                    yield from (f"{indent}    {line}" for line in rest)
        else:
            yield f"{indent}{key}: {_flow(value)}"


def _flow(value: YamlValue) -> str:
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False)  # JSON scalars and lists are YAML too
