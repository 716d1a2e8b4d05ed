"""The rules of contracts.md, written down a second time from its text, decide as the code does."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.decision import receiver_check
from contracts.drafting import draft, london_parties
from contracts.errors import EventError
from contracts.loading import parse_contract, shipped_terms
from contracts.parties import GovernanceKeys
from contracts.policy import group_fields
from tests.support.words import EVENT_TYPES

SCOPES = ("pass_to_police", "support_contact", "share_identity", "statistics")
RECORD_TYPES = ("incident.record_type", "record_type")
Tree = dict[str, Any]


def london() -> Tree:
    """The shipped agreement as a plain tree."""
    parties = london_parties()
    keys = GovernanceKeys(
        ed25519=base64.b64encode(bytes(32)).decode(),
        ml_dsa_65=base64.b64encode(bytes(1952)).decode(),
    )
    text = draft(
        shipped_terms(),
        deployment="pan-london",
        parties=parties,
        governance_keys={str(party["id"]): keys for party in parties},
        starts=date(2026, 1, 1),
        ends=date(2026, 12, 31),
        review_on=date(2026, 6, 30),
    )
    tree: Tree = parse_contract(text.encode(), "contract").contract.model_dump(mode="json")
    return tree


LONDON = json.dumps(london())  # JSON is YAML too
AGENCIES = [party["id"] for party in json.loads(LONDON)["parties"]]


def role(tree: Tree, agency: str) -> str:
    return str(next(party["role"] for party in tree["parties"] if party["id"] == agency))


def grants(tree: Tree, event_type: str, agency: str) -> list[str]:
    """ "The grants to an addressed agency", in the order of the file."""
    fields = tree["event_types"][event_type]["fields"]
    return [path for path, field in fields.items() if role(tree, agency) in field["readers"]]


def consent_bound(tree: Tree, event_type: str, path: str) -> bool:
    fields = tree["event_types"][event_type]["fields"]
    asks = any(f"consent.{scope}" in fields for scope in SCOPES)
    return asks and bool(fields[path]["identifies"])


def groups(tree: Tree, event_type: str, to: list[str]) -> list[tuple[list[str], list[str]]]:
    """(readers, leaves) of each group, as envelope.md says."""
    found: list[tuple[tuple[list[str], bool], list[str]]] = [((to, False), [])]
    for path in tree["event_types"][event_type]["fields"]:
        readers = [agency for agency in to if path in grants(tree, event_type, agency)]
        if not readers:
            continue
        of_group = (readers, consent_bound(tree, event_type, path))
        known = next((leaves for have, leaves in found if have == of_group), None)
        if known is None:
            found.append((of_group, [path]))
        else:
            known.append(path)
    return [(readers, leaves) for (readers, _), leaves in found]


def refusal(
    tree: Tree, sender: str, me: str, event_type: str, to: list[str], flat: Mapping[str, Any]
) -> str | None:
    """Step 9 from "the rules of what may be sent" on; None where it takes the event."""
    of_type = tree["event_types"][event_type]
    fields: dict[str, Any] = of_type["fields"]
    if role(tree, sender) not in of_type["publishers"]:
        return "type_not_permitted"
    if any(role(tree, agency) not in of_type["recipients"] for agency in to):
        return "recipient_not_permitted"
    may_be_sent = {
        path
        for path, field in fields.items()
        if any(path in grants(tree, event_type, agency) for agency in to)
        and (not field["senders"] or role(tree, sender) in field["senders"])
    }
    if flat.keys() - may_be_sent:
        return "field_not_granted"
    given_scopes = {scope for scope in SCOPES if flat.get(f"consent.{scope}") is True}
    for path in flat:
        needs = set(fields[path]["consent"])
        if consent_bound(tree, event_type, path):
            needs.add("share_identity")
            rule = tree["consent_by_role"].get(role(tree, me))
            if rule and role(tree, sender) not in rule["unless_from"]:
                needs.add(rule["scope"])
        if not needs <= given_scopes:
            return "consent_missing"
        never = of_type["incident_identifiers"] == "never"
        incident = any(flat.get(record) == "hate_incident" for record in RECORD_TYPES)
        if never and incident and fields[path]["identifies"]:
            return "consent_missing"
    mine = grants(tree, event_type, me)
    if any(fields[path]["required"] and path not in flat for path in may_be_sent & {*mine}):
        return "event_invalid"
    return None


@st.composite
def contracts(draw: st.DrawFn) -> Tree:
    """The shipped agreement with a few terms changed."""
    tree: Tree = json.loads(LONDON)
    for of_type in tree["event_types"].values():
        of_type["incident_identifiers"] = draw(st.sampled_from(["with-consent", "never"]))
        if of_type["incident_identifiers"] == "never":
            for path in set(RECORD_TYPES) & of_type["fields"].keys():
                of_type["fields"][path]["readers"] = of_type["recipients"]
        free = sorted(
            path
            for path, field in of_type["fields"].items()
            if not field["required"]  # these, consent and the record type have rules of their own
            and not path.startswith("consent.")
            and not (path in RECORD_TYPES and of_type["incident_identifiers"] == "never")
        )
        for path in draw(st.lists(st.sampled_from(free), max_size=4, unique=True)):
            field = of_type["fields"][path]
            field["identifies"] = draw(st.booleans())
            field["consent"] = draw(st.lists(st.sampled_from(SCOPES), max_size=2))
            field["senders"] = draw(st.lists(st.sampled_from(of_type["publishers"]), max_size=2))
            field["readers"] = draw(
                st.lists(st.sampled_from(of_type["recipients"]), min_size=1, max_size=3)
            )
    for name in sorted({party["role"] for party in tree["parties"]}):
        rule = {"clause": "9", "scope": draw(st.sampled_from(SCOPES)), "unless_from": []}
        if draw(st.booleans()):
            tree["consent_by_role"][name] = rule
    return tree


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_text_and_the_code_decide_alike(data: st.DataObject) -> None:
    tree = data.draw(contracts())
    contract = parse_contract(json.dumps(tree).encode(), "contract").contract
    event_type = data.draw(st.sampled_from(sorted(EVENT_TYPES)))
    sender, *others = data.draw(st.permutations(AGENCIES))
    to = sorted(others[: data.draw(st.integers(1, 4))])
    me = data.draw(st.sampled_from(to))

    layout = group_fields(contract, event_type, frozenset(to))
    expected = groups(tree, event_type, to)
    assert [set(readers) for readers, _ in expected] == [set(group) for group in layout.readers]
    assert [leaves for _, leaves in expected] == [list(group) for group in layout.order]

    mine = grants(tree, event_type, me)
    flat: dict[str, Any] = dict.fromkeys(mine, "x")
    for path in data.draw(st.lists(st.sampled_from(mine), max_size=len(mine))) if mine else ():
        flat.pop(path, None)
    if data.draw(st.booleans()):  # what is taken as a whole is rare, so begin from less
        flat = {path: value for path, value in flat.items() if path.endswith("_id")}
        flat |= dict.fromkeys(
            p for p in mine if tree["event_types"][event_type]["fields"][p]["required"]
        )
    for scope in SCOPES:
        if f"consent.{scope}" in mine:
            flat[f"consent.{scope}"] = data.draw(st.booleans())
    for record in RECORD_TYPES:
        if record in mine:
            flat[record] = data.draw(st.sampled_from(["hate_crime", "hate_incident"]))
    try:
        receiver_check(contract, sender, me, event_type, tuple(to), flat)
        code = None
    except EventError as error:
        code = error.code
    assert refusal(tree, sender, me, event_type, to, flat) == code
