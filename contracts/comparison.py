"""Comparison of two versions of an agreement: what each change does to disclosure.

Every leaf that differs is reported. A change widens if more data, a longer time, another purpose or
less consent follows from it, or a safeguard is weaker; what cannot be judged, free text above all,
is `unknown` and counts as widening (fail closed).
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from contracts.consent_needs import consent_needs
from contracts.differences import Difference, Path, Value, differences
from contracts.durations import duration_ms
from contracts.explain import fingerprint
from contracts.model import UNSTATED_KAFKA_DAYS, Contract
from contracts.wording import flat

__all__ = ["Change", "Comparison", "Effect", "compare"]

Effect: TypeAlias = Literal["widens", "narrows", "both", "neutral", "unknown"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change between two versions.

    Attributes:
        path: dotted path in the agreement; an item of a list stands in brackets.
        clause: of the agreement that changes, where the term has one.
        effect: on disclosure.
        text: the change in words.
        parties: agencies that it concerns, of either version, sorted.
    """

    path: str
    clause: str | None
    effect: Effect
    text: str
    parties: tuple[str, ...]

    @property
    def widening(self) -> bool:
        """Whether it counts as widening: `unknown` and `both` do."""
        return self.effect in {"widens", "both", "unknown"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """All changes between two versions, in the order of the newer one."""

    changes: tuple[Change, ...]

    @property
    def widening(self) -> bool:
        """Whether any change counts as widening."""
        return any(change.widening for change in self.changes)

    def for_party(self, agency: str) -> tuple[Change, ...]:
        """Return the changes that concern one agency."""
        return tuple(change for change in self.changes if agency in change.parties)


def compare(before: Contract, after: Contract) -> Comparison:
    """Return every change from one version of an agreement to the next."""
    changes = [_change(before, after, found) for found in differences(before, after)]
    changes += _uncovered(before, after, changes)
    return Comparison(tuple(changes))


# --- effects --------------------------------------------------------------------------------------

Rule: TypeAlias = Callable[[Difference], Effect]


def _more(found: Difference) -> Effect:
    """More items disclose more."""
    if found.kind == "reordered":
        return "neutral"
    return {"added": "widens", "removed": "narrows"}.get(found.kind, "both")  # type: ignore[return-value]


def _less(found: Difference) -> Effect:
    """More items disclose less: consent, prohibitions, safeguards."""
    if found.kind == "reordered":
        return "neutral"
    return {"added": "narrows", "removed": "widens"}.get(found.kind, "both")  # type: ignore[return-value]


def _size(found: Difference) -> Effect:
    """The greater number, or the later day, widens."""
    return _ordered(found, lambda value: value)


def _floor(found: Difference) -> Effect:
    """The smaller number, or the earlier day, widens."""
    effect = _ordered(found, lambda value: value)
    return {"widens": "narrows", "narrows": "widens"}.get(effect, effect)  # type: ignore[return-value]


def _length(found: Difference) -> Effect:
    """The longer duration weakens a safeguard."""
    return _ordered(found, lambda value: duration_ms(str(value)))


def _ordered(found: Difference, key: Callable[[Value], object]) -> Effect:
    if found.kind != "changed":
        return "widens" if found.kind == "removed" else "both"
    before, after = key(found.before), key(found.after)
    if before == after:
        return "neutral"
    return "widens" if before < after else "narrows"  # type: ignore[operator]


def _mark(found: Difference) -> Effect:
    """A mark that protects: `identifies`, `secondary_suppression`."""
    return "narrows" if found.after is True else "widens"


def _required(found: Difference) -> Effect:
    return "widens" if found.after is True else "narrows"


def _incident(found: Difference) -> Effect:
    order = ("never", "with-consent", "allowed")
    if found.before not in order or found.after not in order:
        return "unknown"
    return "widens" if order.index(found.before) < order.index(found.after) else "narrows"


def _neutral(_found: Difference) -> Effect:
    return "neutral"


def _words_matter(found: Difference) -> Effect:
    """That a part is there changes nothing by itself; what its words say cannot be judged."""
    return "unknown" if found.kind == "changed" else "neutral"


def _acknowledged(found: Difference) -> Effect:
    """A lost acknowledgement weakens a safeguard; what the words of another say is not judged."""
    return "widens" if found.kind == "removed" else "unknown"


def _retention(found: Difference) -> Effect:
    """Without terms of its own, a type has the default days on Kafka and no limit of years."""
    before, after = (_times(value) for value in (found.before, found.after))
    if before == after:
        return "neutral"
    longer = any(new > old for old, new in zip(before, after, strict=True))
    shorter = any(new < old for old, new in zip(before, after, strict=True))
    if longer and shorter:
        return "both"
    return "widens" if longer else "narrows"


def _times(retention: Value) -> tuple[float, float]:
    if not isinstance(retention, dict):
        return UNSTATED_KAFKA_DAYS, math.inf
    return float(str(retention["kafka_days"])), float(str(retention["recipient_years"]))


def _either(_found: Difference) -> Effect:
    return "both"


_TYPE = "event_types.*"
_FIELD = f"{_TYPE}.fields.*"
_RULES: Mapping[str, Rule] = {
    "status": _neutral,
    "version": _neutral,
    "previous": _neutral,
    "version_record.*": _neutral,
    "version_record.*.*": _neutral,
    "consulted.*": _neutral,
    "consulted.*.*": _neutral,
    "starts": _floor,
    "ends": _size,
    "review_on": _size,
    "review_by.*": _less,
    "roles.*": _words_matter,
    "parties.*": _more,
    "governance_keys.*": _neutral,  # that the party itself is added or removed stands beside it
    "parties.*.role": _either,
    "parties.*.area.*": _more,
    "purposes.*": _more,
    "purposes.*.kind": _either,
    "legal_bases.*": _more,
    "legal_bases.*.basis": _either,
    "legal_bases.*.relied_on_by.*": _more,
    "legal_bases.*.gateways.*": _more,
    "legal_bases.*.appropriate_policy_document": _less,
    _TYPE: _more,
    f"{_TYPE}.clause": _neutral,
    f"{_TYPE}.publishers.*": _more,
    f"{_TYPE}.recipients.*": _more,
    f"{_TYPE}.purposes.*": _more,
    f"{_TYPE}.incident_identifiers": _incident,
    f"{_TYPE}.retention": _retention,
    f"{_TYPE}.retention.kafka_days": _size,
    f"{_TYPE}.retention.recipient_years": _size,
    f"{_TYPE}.service_levels": _neutral,
    f"{_TYPE}.service_levels.*": _neutral,
    _FIELD: _more,
    f"{_FIELD}.clause": _neutral,
    f"{_FIELD}.readers.*": _more,
    f"{_FIELD}.purposes.*": _more,
    f"{_FIELD}.consent.*": _less,
    f"{_FIELD}.identifies": _mark,
    f"{_FIELD}.required": _required,
    "consent_by_role.*": _less,
    "consent_by_role.*.clause": _neutral,
    "consent_by_role.*.scope": _either,
    "consent_by_role.*.unless_from.*": _more,
    "retention.grace_days": _size,
    "service_levels.heartbeat_every": _length,
    "service_levels.silence_alarm_after": _length,
    "service_levels.quarantine_answer_within": _length,
    "use.permitted.*": _more,
    "use.prohibited.*": _less,
    "security.*": _less,
    "acknowledgements.*": _acknowledged,
    "statistics": _less,
    "statistics.suppress_below": _floor,
    "statistics.round_to": _floor,
    "statistics.strand_by_ward_by_month_below": _floor,
    "statistics.secondary_suppression": _mark,
    "topics.*": _neutral,
    "processors.*": _more,
    "coordinator": _neutral,
}
"""Effect by path; `*` is any one key. A path that is not here, and a change of text where only its
presence has a rule, is `unknown`."""
_PRESENCE = frozenset({"purposes.*", "acknowledgements.*"})


def _rule(path: Path) -> str | None:
    for pattern in _RULES:
        parts = pattern.split(".")
        if len(parts) == len(path) and all(
            part in {"*", key} for part, key in zip(parts, path, strict=True)
        ):
            return pattern
    return None


def _effect(before: Contract, after: Contract, found: Difference) -> Effect:
    if found.kind == "reordered":
        return "neutral"
    path = found.path
    if path[:1] == ("event_types",) and path[4:5] == ("senders",):
        return _larger_set(*(_senders(contract, path) for contract in (before, after)))
    if path[:1] == ("purposes",) and path[2:3] == ("pursued_by",):
        return _larger_set(*(_pursuing(contract, path[1]) for contract in (before, after)))
    pattern = _rule(path)
    if pattern is None:
        return "unknown"
    if found.kind == "changed" and _RULES[pattern] in {_more, _less}:
        return "unknown"
    return _RULES[pattern](found)


def _senders(contract: Contract, path: Path) -> frozenset[str]:
    """An empty list means every publisher of the type."""
    terms = contract.event_types[path[1]]
    return frozenset(terms.fields[path[3]].senders or terms.publishers)


def _pursuing(contract: Contract, purpose: str) -> frozenset[str]:
    """An empty list means every role."""
    return frozenset(contract.purposes[purpose].pursued_by or contract.roles)


def _larger_set(old: frozenset[str], new: frozenset[str]) -> Effect:
    if new == old:
        return "neutral"
    if new > old:
        return "widens"
    return "narrows" if new < old else "both"


# --- what less consent or another flow follows from several terms together ------------------------

Flow: TypeAlias = tuple[str, str, str, str]
"""Event type, field, role of the sender, role of the reader."""


def _flows(contract: Contract) -> dict[Flow, frozenset[str]]:
    """Every flow between roles that the agreement permits, and the consent that it needs."""
    found: dict[Flow, frozenset[str]] = {}
    for name, terms in contract.event_types.items():
        for path, field in terms.fields.items():
            needs = consent_needs(contract, terms, field)
            for sender in field.senders or terms.publishers:
                for reader in field.readers:
                    scopes = set(needs.everyone)
                    scopes |= {
                        need.scope
                        for need in needs.by_role
                        if need.role == reader and sender not in need.unless_from
                    }
                    found[name, path, sender, reader] = frozenset(scopes)
    return found


def _uncovered(before: Contract, after: Contract, changes: Iterable[Change]) -> Iterator[Change]:
    """Yield flows that are new or need less consent and that no change reports as widening."""
    said = [change.path for change in changes if change.widening]
    old = _flows(before)
    lost: dict[tuple[str, str], set[str]] = {}
    for flow, scopes in _flows(after).items():
        name, path, _sender, _reader = flow
        dotted = f"event_types.{name}.fields.{path}"
        reported = any(
            each in {f"event_types.{name}", dotted} or each.startswith(f"{dotted}.")
            for each in said
        )
        if not reported and not old.get(flow, frozenset()) <= scopes:
            lost.setdefault((name, path), set()).update(old[flow] - scopes)
        elif not reported and flow not in old:
            lost.setdefault((name, path), set())
    for (name, path), scopes_lost in lost.items():
        what = f"no longer needs consent to {', '.join(sorted(scopes_lost))}"
        yield Change(
            path=f"event_types.{name}.fields.{path}",
            clause=after.event_types[name].fields[path].clause,
            effect="widens",
            text=f"{path} of {name} {what if scopes_lost else 'flows where it did not'}",
            parties=_concerned(before, after, ("event_types", name, "fields", path)),
        )


# --- words ----------------------------------------------------------------------------------------


def _change(before: Contract, after: Contract, found: Difference) -> Change:
    return Change(
        path=_dotted(found.path),
        clause=_clause(after, found.path) or _clause(before, found.path),
        effect=_effect(before, after, found),
        text=_words(found),
        parties=_concerned(before, after, found.path),
    )


_SETS = frozenset({"readers", "senders", "consent", "purposes", "publishers", "recipients"}) | {
    *("unless_from", "gateways", "relied_on_by", "permitted", "prohibited", "security", "area"),
    *("review_by", "article_9", "schedule_1", "schedule_8", "pursued_by"),
}


def _dotted(path: Path) -> str:
    if len(path) > 1 and path[-2] in _SETS and path != ("purposes", path[-1]):
        return f"{'.'.join(path[:-1])}[{path[-1]}]"
    return ".".join(path) or "the whole agreement"


def _words(found: Difference) -> str:
    at = _place(found.path)
    if found.kind == "reordered":
        return f"{at}: the order changed"
    if found.kind == "changed":
        return f"{at}: was {_shown(found, found.before)}; becomes {_shown(found, found.after)}"
    value = found.after if found.kind == "added" else found.before
    text = _shown(found, value)
    verb = "is added" if found.kind == "added" else "is removed"
    if found.path and text == found.path[-1]:
        return f"{_place(found.path[:-1])}: {text} {verb}"
    return f"{at} {verb}: {text}"


def _shown(found: Difference, value: Value) -> str:
    """The value in words; a signing key by its fingerprint, to be compared by telephone."""
    if found.path[:1] != ("governance_keys",) or value is None:
        return flat(value)
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_fingerprint(name, key)}" for name, key in value.items())
    return _fingerprint(found.path[-1], value)


def _fingerprint(member: str, key: Value) -> str:
    algorithm = member.replace("_", "-")
    return fingerprint("governance", algorithm, base64.b64decode(str(key)))


def _place(path: Path) -> str:
    if path[:1] == ("event_types",) and len(path) >= 2:
        rest = path[2:]
        if rest[:1] == ("fields",) and len(rest) >= 2:
            inner = " ".join(rest[2:]).replace("_", " ")
            return f"{path[1]}, field {rest[1]}" + (f", {inner}" if inner else "")
        inner = " ".join(rest).replace("_", " ")
        return path[1] + (f", {inner}" if inner else "")
    return " ".join(path).replace("_", " ") or "the whole agreement"


def _clause(contract: Contract, path: Path) -> str | None:
    if path[:1] == ("event_types",) and len(path) >= 2:
        terms = contract.event_types.get(path[1])
        if terms is None:
            return None
        field = terms.fields.get(path[3]) if path[2:3] == ("fields",) and len(path) > 3 else None
        return field.clause if field is not None else terms.clause
    if path[:1] == ("consent_by_role",) and len(path) >= 2:
        rule = contract.consent_by_role.get(path[1])
        return rule.clause if rule is not None else None
    return None


def _concerned(before: Contract, after: Contract, path: Path) -> tuple[str, ...]:
    """Parties of either version that play a role in the terms at a path; else all of them."""
    roles: set[str] = set()
    for contract in (before, after):
        terms = contract.event_types.get(path[1]) if path[:1] == ("event_types",) else None
        if terms is not None:
            field = (
                terms.fields.get(path[3]) if path[2:3] == ("fields",) and len(path) > 3 else None
            )
            if field is None:
                roles.update((*terms.publishers, *terms.recipients))
            else:
                roles.update((*(field.senders or terms.publishers), *field.readers))
    parties = {party.id: party.role for party in (*before.parties, *after.parties)}
    both = [(party.id, party.role) for party in (*before.parties, *after.parties)]
    if not roles:
        return tuple(sorted(parties))
    return tuple(sorted({agency for agency, role in both if role in roles}))
