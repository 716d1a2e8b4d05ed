"""Contract files, altered: which are well formed, and what they then say (docs/spec/contracts.md).

As trees that are written again (YAML holds JSON), and as text, where an anchor, a tag or a number
in another form may come of it.
"""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from random import Random
from typing import Any

import yaml

from broker.errors import RegistryError
from broker.registry.contracts import verify_contract
from contracts.errors import ContractError
from contracts.loading import parse_contract
from tests.conformance.contracts import well_formed
from tests.conformance.refusals import MalformedError
from tests.differential.alteration import altered, grown
from tests.differential.comparison import REFUSED, Comparison, Family
from tests.differential.readings import SETTINGS, VECTORS

VALUES: tuple[object, ...] = (
    *(None, True, False, 0, 1, -1, 64, 100, 101, 366, 367, 10**17, 10**18),
    *(
        "",
        " ",
        "x",
        " x ",
        "x\n",
        "\x1c",
        "\x85",
        "\u3000",
        "\u200b",
        "4",
        "4.1",
        "4.1.1.1.1.1",
        "1.0.0",
        "1.0",
        "01.0.0",
        "true",
    ),
    *("2026-01-01", "2026-02-30", " 2026-01-01", "PT1H", "PT0H", "P1DT", "P1D", "P100000D"),
    *("police", "council", "nobody", "csu-camden", "pass_to_police", "never", "allowed", "victim"),
    *("none", "personal", "uk-gdpr", "a" * 63, "a" * 64, "A", "E09000007", "ZA123456"),
    *([], ["police"], ["police", "police"], [None], {}, {"police": "x"}, {"x y": {}}),
)
NAMES = ("extra", "police", "x y", "case_id", "victim.name", "csu-camden", "")
FOLDED = (
    "- ",
    "  ",
    "&a ",
    "*a",
    "!!str ",
    "---\n",
    "...\n",
    "# x\n",
    "|\n",
    "'",
    '"',
    ": ",
)


@cache
def _seeds() -> tuple[tuple[bytes, Any], ...]:
    """Small contracts of the vectors, as text and as a tree."""
    found = []
    for name in ("partnership", "six-roles", "odd-terms"):
        (file,) = (SETTINGS / name / "contracts").glob("*.yaml")
        raw = file.read_bytes()
        tree = parse_contract(raw, file.name).contract.model_dump(mode="json", exclude_unset=True)
        found.append((raw, _small(tree)))
    return tuple(found)


def _small(tree: Any) -> Any:
    """With few fields a type, so that an alteration falls on every rule as often."""
    for terms in tree["event_types"].values():
        names = list(terms["fields"])
        terms["fields"] = {name: terms["fields"][name] for name in (*names[:3], *names[-2:])}
    return tree


def _tree(rng: Random) -> bytes:
    values = [lambda: json.loads(json.dumps(rng.choice(VALUES)))]
    tree = grown(rng.choice(_seeds())[1], rng, values, NAMES)
    return json.dumps(tree, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


@cache
def _documents() -> dict[str, bytes]:
    return {file.stem: file.read_bytes() for file in (VECTORS / "documents").glob("*.txt")}


@cache
def _texts() -> tuple[bytes, ...]:
    """The trees in YAML's own dress."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return tuple(yaml.dump(tree, Dumper=dumper, sort_keys=False).encode() for _, tree in _seeds())


def _text(rng: Random) -> bytes:
    text = rng.choice(_texts())
    if rng.random() < 0.5:
        at = rng.choice([0, *(n + 1 for n, byte in enumerate(text) if byte in b"\n:-")])
        text = text[:at] + rng.choice(FOLDED).encode() + text[at:]
    return altered(text, rng)


def _product(raw: bytes) -> object:
    try:  # which keys may be pinned is checked with the signatures, of which there are none
        contract = verify_contract(parse_contract(raw, "contract.yaml")).contract
    except (ContractError, RegistryError):
        return REFUSED
    return (
        *(contract.deployment, contract.name, contract.version, list(contract.previous)),
        *(_iso(contract.starts), _iso(contract.ends), sorted(contract.role_of.items())),
        *(sorted(contract.governance_keys), sorted(contract.topics), contract.retention.grace_days),
        [
            (
                *(name, terms.topic, list(terms.publishers), list(terms.recipients)),
                *(terms.incident_identifiers, terms.retention and terms.retention.kafka_days),
                [
                    (path, list(one.readers), list(one.senders), one.required, list(one.consent))
                    for path, one in terms.fields.items()
                ],
            )
            for name, terms in sorted(contract.event_types.items())
        ],
        [
            (role, one.scope, list(one.unless_from))
            for role, one in sorted(contract.consent_by_role.items())
        ],
    )


def _second(raw: bytes) -> object:
    try:
        contract = well_formed(raw, _documents()).members
    except MalformedError:
        return REFUSED
    return (
        *(contract["deployment"], contract["name"], contract["version"], contract["previous"]),
        *(_iso(contract["starts"]), _iso(contract["ends"])),
        sorted((party["id"], party["role"]) for party in contract["parties"]),
        *(sorted(contract["governance_keys"]), sorted(contract["topics"])),
        contract["retention"]["grace_days"],
        [
            (
                *(name, terms["topic"], terms["publishers"], terms["recipients"]),
                terms["incident_identifiers"],
                terms["retention"] and terms["retention"]["kafka_days"],
                [
                    (path, one["readers"], one["senders"], one["required"], one["consent"])
                    for path, one in terms["fields"].items()
                ],
            )
            for name, terms in sorted(contract["event_types"].items())
        ],
        [
            (role, one["scope"], one["unless_from"])
            for role, one in sorted(contract["consent_by_role"].items())
        ],
    )


def _iso(day: object) -> str:
    return day.isoformat() if isinstance(day, date) else str(day)


def _compared(raw: bytes) -> Comparison:
    ours = _product(raw)
    return Comparison(ours, _second(raw), raw, (REFUSED if ours == REFUSED else "taken",))


FAMILIES = (
    Family("contracts, as trees", lambda rng: _compared(_tree(rng)), 60),
    Family("contracts, as text", lambda rng: _compared(_text(rng)), 40),
)
