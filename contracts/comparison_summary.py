"""Summary of a comparison: the changes that belong together in one line, for one party or for all.

A party that joins changes six terms of an agreement: its own part, its signing keys, the list of
those who review, the number of the version, its record, and the versions that it replaces. To a
signatory that is one change. `contracts/comparison.py` lists each term, for programs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from contracts.comparison import TermChange
from contracts.comparison_effects import Effect
from contracts.model import Contract
from contracts.parties import Party
from contracts.phrases import N_, Phrase, joined, phrase, sentences

__all__ = ["ChangeSummary", "SummaryLine", "summarise"]


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """One line of a summary.

    Attributes:
        effect: effect on disclosure of the changes together.
        text: the line.
        changes: the changes that it stands for.
    """

    effect: Effect
    text: str
    changes: tuple[TermChange, ...]

    @property
    def clause(self) -> str | None:
        """Return the clause that changes, if it is one."""
        return self.changes[0].clause if len(self.changes) == 1 else None

    @property
    def widening(self) -> bool:
        """Return whether a change in it counts as widening."""
        return any(change.widening for change in self.changes)


@dataclass(frozen=True, slots=True)
class ChangeSummary:
    """Changes between two versions, grouped.

    Attributes:
        version: the line of the new version itself; None if its number is the same.
        lines: all other changes, in the order of their first change.
    """

    version: SummaryLine | None
    lines: tuple[SummaryLine, ...]


def summarise(
    before: Contract,
    after: Contract,
    changes: Sequence[TermChange],
    party: str | None = None,
    replaced: str | None = None,
) -> ChangeSummary:
    """Group changes. Each change is in exactly one line.

    Args:
        before: the older version.
        after: the newer one.
        changes: what changed, from `contracts.comparison.compare`, or a part of it.
        party: the agency that reads the summary; None for all agencies.
        replaced: hex SHA-256 of the older version's file. Its place in `previous` needs no words.
    """
    version = _version(before, after, changes, replaced)
    left = [one for one in changes if version is None or one not in version.changes]
    moved: dict[str, SummaryLine] = {}
    for one in changes:
        top, _, agency = one.path.partition(".")
        whole = top == "parties" and (agency in before.by_id) != (agency in after.by_id)
        if whole and (agency in before.by_id or agency in after.by_id):
            moved[one.path] = _moved(before, after, one, left, party)
    taken = {id(change) for line in moved.values() for change in line.changes}
    lines = [
        moved.get(one.path) or SummaryLine(one.effect, one.text, (one,))
        for one in left
        if one.path in moved or id(one) not in taken
    ]
    return ChangeSummary(version, tuple(lines))


# --- the version itself ---------------------------------------------------------------------------


def _version(
    before: Contract, after: Contract, changes: Sequence[TermChange], replaced: str | None
) -> SummaryLine | None:
    """Return the line of a new version: its number, first day, record and the versions before."""
    if before.version == after.version:
        return None
    known = {replaced, *before.previous}
    also = sorted(set(after.previous) - known)
    record = [one for one in after.version_record if one.version == after.version]
    paths = {"version"} | {f"previous.{one}" for one in after.previous}
    if record:
        paths.add(f"version_record.{after.version}")
    text = phrase("Version %(new)s replaces %(old)s.", new=after.version, old=before.version)
    if any(one.path == "starts" and one.effect == "narrows" for one in changes):
        paths.add("starts")
        text = phrase(
            "Version %(new)s replaces %(old)s from %(day)s.",
            new=after.version,
            old=before.version,
            day=after.starts,
        )
    found = tuple([one for one in changes if one.path in paths and not one.widening])
    if not any(one.path == "version" for one in found):
        return None
    if also:
        others = phrase(
            "It also replaces the versions with the hashes %(hashes)s.", hashes=", ".join(also)
        )
        text = sentences(text, others)
    for one in record if any(each.path.startswith("version_record.") for each in found) else ():
        said = phrase(
            'Its record of %(day)s: "%(change)s" Authorised by: "%(by)s".',
            day=one.date,
            change=one.change,
            by=one.authorised_by,
        )
        text = sentences(text, said)
    return SummaryLine("neutral", text, found)


# --- a party that joins, and one that is left out -------------------------------------------------


def _moved(
    before: Contract,
    after: Contract,
    own: TermChange,
    changes: Sequence[TermChange],
    reader: str | None,
) -> SummaryLine:
    """Return the line of a party that is in one of the two versions only."""
    agency = own.path.partition(".")[2]
    joins = agency in after.by_id
    contract = after if joins else before
    paths = {own.path, f"governance_keys.{agency}", f"review_by[{agency}]"}
    found = tuple([one for one in changes if one.path in paths])
    effect: Effect = own.effect
    if not own.widening and any(one.widening for one in found):
        effect = "both"
    one = contract.by_id[agency]
    parts = [_joins(before, after, one, reader) if joins else _leaves(before, one, reader)]
    if any(each.path.startswith("review_by") for each in found):
        parts.append(
            N_("It also reviews the agreement.")
            if joins
            else N_("It no longer reviews the agreement.")
        )
    if joins:
        parts.append(_named(one))
    return SummaryLine(effect, sentences(*parts), found)


def _joins(before: Contract, after: Contract, joining: Party, reader: str | None) -> Phrase:
    said = phrase("%(agency)s joins as %(role)s", agency=joining.id, role=joining.role)
    if reader == joining.id:
        text = phrase("%(agency)s: this is you.", agency=said)
    else:
        text = joined("; ", (said, _flows(after, joining, reader, joins=True)))
    if before.parties_of_role(joining.role):
        return text
    return sentences(text, N_("No agency had this role before."))


def _leaves(before: Contract, left: Party, reader: str | None) -> Phrase:
    said = phrase("%(agency)s (%(role)s) is left out", agency=left.id, role=left.role)
    if reader == left.id:
        return phrase("%(agency)s: this is you.", agency=said)
    return joined("; ", (said, _flows(before, left, reader, joins=False)))


def _named(party: Party) -> Phrase:
    """Return the terms of a party that a signatory recognises it by."""
    parts = [
        phrase('Legal name: "%(name)s"', name=party.legal_name),
        phrase("area: %(area)s", area=", ".join(party.area)),
        phrase("law: %(law)s", law=party.regime),
        party.relationship,
    ]
    if party.kafka_principal is not None:
        parts.append(phrase('principal on Kafka: "%(name)s"', name=party.kafka_principal))
    return joined("", (joined("; ", parts), "."))


class _Directions(NamedTuple):
    """Templates of what may be sent, in both directions or in none."""

    given: Phrase
    got: Phrase
    neither: Phrase


_YOU: Final[Mapping[bool, _Directions]] = {
    True: _Directions(
        N_("you may send it %(types)s"),
        N_("it may send you %(types)s"),
        N_("no event goes between you and %(agency)s"),
    ),
    False: _Directions(
        N_("you may no longer send it %(types)s"),
        N_("it may no longer send you %(types)s"),
        N_("no event goes between you and %(agency)s"),
    ),
}
"""Of the reader, by whether the other party joins."""
_THEY: Final[Mapping[bool, _Directions]] = {
    True: _Directions(
        N_("they may send it %(types)s"),
        N_("it may send them %(types)s"),
        N_("no event goes between them and %(agency)s"),
    ),
    False: _Directions(
        N_("they may no longer send it %(types)s"),
        N_("it may no longer send them %(types)s"),
        N_("no event goes between them and %(agency)s"),
    ),
}
"""Of other parties."""


def _flows(contract: Contract, other: Party, reader: str | None, *, joins: bool) -> Phrase:
    """Return which events a party and its partners may send to each other, by roles."""
    if reader is not None and (you := contract.party(reader)) is not None:
        flow = _between(contract, you.role, other, _YOU[joins])
        return phrase("for you: %(flow)s.", flow=flow)
    same: dict[Phrase, list[str]] = {}
    for role in dict.fromkeys(each.role for each in contract.parties if each.id != other.id):
        same.setdefault(_between(contract, role, other, _THEY[joins]), []).append(role)
    said_of = [
        phrase("for %(roles)s: %(flow)s", roles=", ".join(roles), flow=flow)
        for flow, roles in same.items()
    ]
    return joined("", (joined("; ", said_of), "."))


def _between(contract: Contract, role: str, other: Party, words: _Directions) -> Phrase:
    given = ", ".join(_types(contract, role, other.role))
    got = ", ".join(_types(contract, other.role, role))
    if given and got:
        return phrase(
            "%(given)s, and %(got)s",
            given=phrase(words.given, types=given),
            got=phrase(words.got, types=got),
        )
    if given:
        return phrase(words.given, types=given)
    return phrase(words.got, types=got) if got else phrase(words.neither, agency=other.id)


def _types(contract: Contract, sender: str, recipient: str) -> Iterator[str]:
    """Yield the event types that one role may send to another."""
    for name, terms in contract.event_types.items():
        if sender in terms.publishers and recipient in terms.recipients:
            yield name
