"""Comparison of two versions of an agreement: the effect of each change on disclosure.

Every leaf that differs is reported, in words, with the clause and the parties that it concerns.
`contracts/comparison_effects.py` judges the effect of each change, `contracts/comparison_words.py`
puts it into words; this module finds flows that several changes permit together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from contracts.comparison_effects import Effect, effect_of
from contracts.comparison_words import change_in_words
from contracts.consent_needs import consent_needs
from contracts.differences import Difference, TermPath, differences
from contracts.model import Contract
from contracts.phrases import phrase

__all__ = ["AgreementComparison", "TermChange", "compare"]


@dataclass(frozen=True, slots=True)
class TermChange:
    """One change between two versions.

    Attributes:
        path: dotted path in the agreement; an item of a list is in brackets.
        clause: clause of the agreement that changes, if the term has one.
        effect: effect on disclosure.
        text: the change in words.
        parties: agencies that it concerns, of either version, sorted.
        difference: the term before and after; None for an effect of several terms together.
    """

    path: str
    clause: str | None
    effect: Effect
    text: str
    parties: tuple[str, ...]
    difference: Difference | None = None

    @property
    def widening(self) -> bool:
        """Return whether it counts as widening: `unknown` and `both` do."""
        return self.effect in {"widens", "both", "unknown"}


@dataclass(frozen=True, slots=True)
class AgreementComparison:
    """All changes between two versions, in the order of the newer one."""

    changes: tuple[TermChange, ...]

    @property
    def widening(self) -> bool:
        """Return whether any change counts as widening."""
        return any(change.widening for change in self.changes)


def compare(before: Contract, after: Contract) -> AgreementComparison:
    """Return every change from one version of an agreement to the next."""
    changes = [_change(before, after, found) for found in differences(before, after)]
    changes += _uncovered(before, after, changes)
    return AgreementComparison(tuple(changes))


# --- combined effects of several terms: less consent, or a new flow -------------------------------

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


def _uncovered(
    before: Contract, after: Contract, changes: Iterable[TermChange]
) -> Iterator[TermChange]:
    """Yield flows that are new or need less consent and that no change reports as widening."""
    said = [change.path for change in changes if change.widening]
    old = _flows(before)
    lost: dict[tuple[str, str], set[str]] = {}
    for flow, scopes in _flows(after).items():
        name, path, sender, _reader = flow
        dotted = f"event_types.{name}.fields.{path}"
        whole = {f"event_types.{name}", dotted}
        if flow not in old:
            whole.add(f"event_types.{name}.publishers[{sender}]")
        reported = any(each in whole or each.startswith(f"{dotted}.") for each in said)
        if not reported and not old.get(flow, frozenset()) <= scopes:
            lost.setdefault((name, path), set()).update(old[flow] - scopes)
        elif not reported and flow not in old:
            lost.setdefault((name, path), set())
    for (name, path), scopes_lost in lost.items():
        if scopes_lost:
            text = phrase(
                "%(field)s of %(type)s no longer needs consent to %(scopes)s",
                field=path,
                type=name,
                scopes=", ".join(sorted(scopes_lost)),
            )
        else:
            text = phrase("%(field)s of %(type)s flows where it did not", field=path, type=name)
        yield TermChange(
            path=f"event_types.{name}.fields.{path}",
            clause=after.event_types[name].fields[path].clause,
            effect="widens",
            text=text,
            parties=_concerned(before, after, ("event_types", name, "fields", path)),
        )


# --- path, clause and parties of a change ---------------------------------------------------------


def _change(before: Contract, after: Contract, found: Difference) -> TermChange:
    return TermChange(
        path=_dotted(found.path),
        clause=_clause(after, found.path) or _clause(before, found.path),
        effect=effect_of(before, after, found),
        text=change_in_words(before, after, found),
        parties=_concerned(before, after, found.path),
        difference=found,
    )


_SETS = frozenset({"readers", "senders", "consent", "purposes", "publishers", "recipients"}) | {
    *("unless_from", "gateways", "relied_on_by", "permitted", "prohibited", "security", "area"),
    *("review_by", "reason_asked_of", "article_9", "schedule_1", "schedule_8", "pursued_by"),
}


def _dotted(path: TermPath) -> str:
    if len(path) > 1 and path[-2] in _SETS and path != ("purposes", path[-1]):
        return f"{'.'.join(path[:-1])}[{path[-1]}]"
    return ".".join(path) or "the whole agreement"


def _clause(contract: Contract, path: TermPath) -> str | None:
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


def _concerned(before: Contract, after: Contract, path: TermPath) -> tuple[str, ...]:
    """Return the parties of either version whose role is named at a path; else all of them."""
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
