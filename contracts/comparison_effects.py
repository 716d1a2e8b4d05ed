"""Effect of each term of an agreement on disclosure, by its path.

A change widens if more data, a longer time, another purpose or less consent follows from it, or a
safeguard is weaker; a change that cannot be judged, such as free text, is `unknown` and counts as
widening (fail closed). `contracts/comparison.py` applies these rules to two versions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from contracts.differences import Difference, TermPath, TermValue
from contracts.durations import duration_ms
from contracts.model import UNSTATED_KAFKA_DAYS, Contract

__all__ = ["Effect", "effect_of"]

Effect: TypeAlias = Literal["widens", "narrows", "both", "neutral", "unknown"]
Rule: TypeAlias = Callable[[Difference], Effect]


def effect_of(before: Contract, after: Contract, found: Difference) -> Effect:
    """Return the effect of one difference on disclosure.

    Args:
        before: the older version.
        after: the newer one.
        found: the difference.
    """
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


def _optional_floor(found: Difference) -> Effect:
    """The smaller number widens, and so does none."""
    if found.kind != "changed":
        return "widens" if found.kind == "removed" else "narrows"
    return _floor(found)


def _length(found: Difference) -> Effect:
    """The longer duration weakens a safeguard."""
    return _ordered(found, lambda value: duration_ms(str(value)))


def _ordered(found: Difference, key: Callable[[TermValue], object]) -> Effect:
    if found.kind != "changed":
        return "widens" if found.kind == "removed" else "both"
    before, after = key(found.before), key(found.after)
    if before == after:
        return "neutral"
    return "widens" if before < after else "narrows"  # type: ignore[operator]


def _mark(found: Difference) -> Effect:
    """A protecting mark (`identifies`, `secondary_suppression`) narrows when set."""
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
    """The presence of the part has no effect by itself; its words cannot be judged."""
    return "unknown" if found.kind == "changed" else "neutral"


def _acknowledged(found: Difference) -> Effect:
    """A lost acknowledgement weakens a safeguard; other words cannot be judged."""
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


def _times(retention: TermValue) -> tuple[float, float]:
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
    "previous.*": _neutral,
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
    "governance_keys.*.threshold": _less,
    "governance_keys.*.officers.*": _more,
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
    f"{_TYPE}.informed.*": _more,
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
    "reason_asked_of.*": _less,
    "retention.grace_days": _size,
    "report_every": _neutral,
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
    "statistics.suppress_breakdown_below": _floor,
    "statistics.suppress_area_below": _optional_floor,
    "statistics.secondary_suppression": _mark,
    "statistics.tally": _more,
    "statistics.published_by": _less,
    "topics.*": _neutral,
    "processors.*": _more,
    "coordinator": _neutral,
}
"""Effect by path; `*` is any one key.

A path that is missing here is `unknown`. So is a change of text for which only the presence has a
rule.
"""


def _rule(path: TermPath) -> str | None:
    for pattern in _RULES:
        parts = pattern.split(".")
        if len(parts) == len(path) and all(
            part in {"*", key} for part, key in zip(parts, path, strict=True)
        ):
            return pattern
    return None


def _senders(contract: Contract, path: TermPath) -> frozenset[str]:
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
