"""Plaintexts against the contract and the event's model: steps 9 and 10 (docs/spec/contracts.md,
"What may be sent", "Consent", "Step 9", "Step 10"; envelope.md, "Groups").

The numbers in comments are those of "Step 9".
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.conformance import json_form
from tests.conformance.contracts import Contract
from tests.conformance.envelope import (
    BOUND_FLOOR_BYTES,
    FLOOR_BYTES,
    MAX_GROUPS,
    TAG_BYTES,
    Group,
    padded_length,
)
from tests.conformance.refusals import MalformedError, RefusedError
from tests.conformance.vocabularies import Model, Vocabulary


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """Leaves of an event that a reader holds, the paths that the contract withholds, and the id."""

    type: str
    leaves: dict[str, Any]
    withheld: list[str]
    id: str
    unlisted: list[str]

    @property
    def data(self) -> dict[str, Any]:
        nested: dict[str, Any] = {}
        for path, value in self.leaves.items():
            member, dot, inner = path.partition(".")
            if dot:
                nested.setdefault(member, {})[inner] = value
            else:
                nested[member] = value
        return nested


@dataclass(frozen=True, slots=True)
class Terms:
    """A contract's terms for one type, one sender and one set of addressed agencies."""

    members: dict[str, Any]
    roles: dict[str, str]
    consent_by_role: dict[str, Any]
    sender: str
    addressed: tuple[str, ...]
    vocabulary: Vocabulary

    @property
    def fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = self.members["fields"]
        return fields

    def granted(self, agency: str) -> frozenset[str]:
        role = self.roles[agency]
        return frozenset(path for path, terms in self.fields.items() if role in terms["readers"])

    def readers(self, path: str) -> frozenset[str]:
        """Those of the addressed agencies that may read a leaf."""
        readers = self.fields[path]["readers"]
        return frozenset(agency for agency in self.addressed if self.roles[agency] in readers)

    def consent_bound(self, path: str) -> bool:
        asks = bool(self.fields.keys() & self.vocabulary.answers.keys())
        return asks and bool(self.fields[path]["identifies"])

    def groups(self) -> dict[tuple[frozenset[str], bool], list[str]]:
        """The leaves of each group by its readers and whether consent-bound, group 0 first."""
        groups: dict[tuple[frozenset[str], bool], list[str]] = {
            (frozenset(self.addressed), False): []
        }
        for path in self.fields:
            readers = self.readers(path)
            if readers:
                groups.setdefault((readers, self.consent_bound(path)), []).append(path)
        return groups

    def has_consent(self, recipient: str, leaves: dict[str, Any]) -> bool:
        """Return True if one recipient gets the keys of groups that need consent."""
        rule = self.consent_by_role.get(self.roles[recipient])
        if rule is None or self.roles[self.sender] in rule["unless_from"]:
            return True
        answers = self.vocabulary.answers.items()
        return any(scope == rule["scope"] and leaves.get(path) is True for path, scope in answers)

    def may_be_sent(self, path: str) -> bool:
        senders = self.fields[path]["senders"]
        allowed = not senders or self.roles[self.sender] in senders
        return allowed and bool(self.readers(path))

    def scopes_needed(self, path: str) -> set[str]:
        """Those that a leaf needs whoever is addressed."""
        own = {self.vocabulary.identity or ""} if self.consent_bound(path) else set()
        return set(self.fields[path]["consent"]) | own

    def lacks_consent(self, leaves: dict[str, Any]) -> bool:
        return any(self.lacks_consent_for(path, leaves) for path in leaves)

    def lacks_scopes(self, path: str, leaves: dict[str, Any]) -> bool:
        given = {
            scope for leaf, scope in self.vocabulary.answers.items() if leaves.get(leaf) is True
        }
        return not self.scopes_needed(path) <= given

    def lacks_consent_for(self, path: str, leaves: dict[str, Any]) -> bool:
        """Return True if an event of these leaves must not hold this one."""
        if self.lacks_scopes(path, leaves):
            return True
        kinds, words = self.vocabulary.record_kinds, self.vocabulary.depersonalised
        incident = any(leaves.get(leaf) in words for leaf in kinds)
        never = self.members["incident_identifiers"] == "never"
        return incident and never and bool(self.fields[path]["identifies"])


def judge_groups(
    plaintexts: Sequence[bytes | None],
    *,
    sealed: Sequence[Group],
    contract: Contract,
    recipients: int,
    source: str,
    reader: str,
    clear_id: str,
) -> tuple[ReadEvent, frozenset[str]]:
    """Step 9, after each group was opened. `plaintexts` are None where the reader has no key.

    Returns:
        The event, and the leaves that the reader may hold of it.
    """
    groups = [None if octets is None else _object(octets) for octets in plaintexts]  # 1
    data, addressed, event_type, own_id = _group_zero(groups[0], clear_id)  # 2
    if len(addressed) != recipients or reader not in addressed or source in addressed:  # 3
        raise RefusedError(9, "addressed_wrong")
    if not set(addressed) <= contract.roles.keys():  # 4
        raise RefusedError(9, "recipient_not_permitted")
    terms, known = _terms(contract, event_type, source, addressed)  # 5
    leaves = _leaves([data, *groups[1:]], terms, reader)  # 6, 7
    _check_floors(plaintexts, sealed, terms)
    if terms.roles[source] not in terms.members["publishers"]:  # 8
        raise RefusedError(9, "type_not_permitted")
    if any(terms.roles[agency] not in terms.members["recipients"] for agency in addressed):
        raise RefusedError(9, "recipient_not_permitted")
    if not all(terms.may_be_sent(path) for path in leaves):  # 9
        raise RefusedError(9, "field_not_granted")
    if terms.lacks_consent(leaves):  # 10
        raise RefusedError(9, "consent_missing")
    granted = terms.granted(reader)
    required = {
        path for path in granted if terms.fields[path]["required"] and terms.may_be_sent(path)
    }
    if not required | {contract.vocabulary.case} <= leaves.keys():  # 11
        raise RefusedError(9, "event_invalid")
    held = granted
    if not terms.has_consent(reader, leaves):
        held = frozenset(path for path in granted if not terms.consent_bound(path))
    kept_back = {
        path
        for path in granted - held | {one for one in granted if terms.lacks_scopes(one, leaves)}
        if terms.may_be_sent(path)
    }
    withheld = sorted(known.leaves.keys() - (granted - kept_back))
    unlisted = known.unlisted(leaves) if _meets(known, leaves, held) else []
    return ReadEvent(event_type, leaves, withheld, own_id, unlisted), held


def _object(octets: bytes) -> dict[str, Any]:
    try:
        value = json_form.parse(octets)
    except MalformedError as error:
        raise RefusedError(9, "json_not_canonical") from error
    if not isinstance(value, dict):
        raise RefusedError(9, "json_not_canonical")
    return value


def _group_zero(
    group: dict[str, Any] | None, clear_id: str
) -> tuple[dict[str, Any], tuple[str, ...], str, str]:
    """Data, addressed agencies, type, and the event's id (envelope.md, "Groups")."""
    refusal = RefusedError(9, "group_zero")
    if group is None or group.keys() - {"id"} != {"data", "to", "type"}:
        raise refusal
    own_id = clear_id
    if "id" in group:
        own_id = group["id"]
        if not _is_uuid(own_id) or own_id == clear_id:
            raise refusal
    data, to, event_type = group["data"], group["to"], group["type"]
    if not (isinstance(data, dict) and isinstance(to, list) and isinstance(event_type, str)):
        raise refusal
    if not all(isinstance(agency, str) for agency in to) or sorted(set(to)) != to:
        raise refusal
    return data, tuple(to), event_type, own_id


def _is_uuid(text: object) -> bool:
    try:
        return isinstance(text, str) and str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _terms(
    contract: Contract, event_type: str, source: str, addressed: tuple[str, ...]
) -> tuple[Terms, Model]:
    members = contract.members["event_types"].get(event_type)
    known = contract.vocabulary.models.get(event_type)
    if members is None or known is None:
        raise RefusedError(9, "type_unknown")
    consent = contract.members["consent_by_role"]
    terms = Terms(members, contract.roles, consent, source, addressed, contract.vocabulary)
    if not terms.fields.keys() <= known.leaves.keys():
        raise RefusedError(9, "contract_field_unknown")
    if len(terms.groups()) > MAX_GROUPS:
        raise RefusedError(9, "contract_invalid")
    return terms, known


def _leaves(opened: Sequence[dict[str, Any] | None], terms: Terms, reader: str) -> dict[str, Any]:
    expected = list(terms.groups().items())
    if len(opened) != len(expected):
        raise RefusedError(9, "grouping_wrong")
    leaves: dict[str, Any] = {}
    for group, ((readers, bound), paths) in zip(opened, expected, strict=True):
        consent = not bound or terms.has_consent(reader, opened[0] or {})
        if group is not None and reader in readers and not consent:
            raise RefusedError(9, "consent_missing")
        if (group is not None) != (reader in readers and consent):
            raise RefusedError(9, "group_keys_wrong")
        if group is None:
            continue
        if not group.keys() <= set(paths):
            raise RefusedError(9, "grouping_wrong")
        leaves.update(group)
    return leaves


def _check_floors(
    plaintexts: Sequence[bytes | None], sealed: Sequence[Group], terms: Terms
) -> None:
    for plaintext, group, (_, bound) in zip(plaintexts, sealed, terms.groups(), strict=True):
        floor = BOUND_FLOOR_BYTES if bound else FLOOR_BYTES
        if plaintext is not None:
            expected = padded_length(4 + len(plaintext), floor) + TAG_BYTES
            if len(group.ciphertext) != expected:
                raise RefusedError(9, "padding_wrong")


def judge_model(event: ReadEvent, contract: Contract, granted: frozenset[str]) -> None:
    """Step 10, the event's model."""
    try:
        contract.vocabulary.models[event.type].check(event.leaves, granted)
    except MalformedError as error:
        raise RefusedError(10, "event_invalid") from error


def _meets(known: Model, leaves: dict[str, Any], granted: frozenset[str]) -> bool:
    try:
        known.check(leaves, granted)
    except MalformedError:
        return False
    return True


def narrow(event: ReadEvent, case: str, granted: set[str], newer: set[str]) -> ReadEvent:
    """Step 10, a version that replaces the record's: without the leaves that it does not grant.

    `granted` and `newer` are what the two versions grant the reader from the sender.
    """
    if case not in newer:
        raise RefusedError(10, "contract_replaced")
    lost = granted - newer
    return ReadEvent(
        event.type,
        {path: value for path, value in event.leaves.items() if path not in lost},
        sorted({*event.withheld, *lost}),
        event.id,
        [path for path in event.unlisted if path not in lost],
    )


@dataclass(slots=True)
class TakenEvents:
    """The events that were taken, by source and id: step 10, repeats."""

    _events: dict[tuple[str, str], ReadEvent] = field(default_factory=dict)

    def is_repeat(self, source: str, event_id: str, event: ReadEvent) -> bool:
        """Return True if this event was taken before. Otherwise remember it.

        Raises:
            RefusedError: its id belongs to another event.
        """
        known = self._events.setdefault((source, event_id), event)
        if known is event:
            return False
        both = known.leaves.keys() & event.leaves.keys()
        if known.type != event.type or any(
            json_form.serialise(known.leaves[path]) != json_form.serialise(event.leaves[path])
            for path in both
        ):
            raise RefusedError(10, "id_reused")
        return True
