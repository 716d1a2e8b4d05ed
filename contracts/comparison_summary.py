"""Summary of a comparison: the changes that belong together in one line, for one party or for all.

A party that joins changes six terms of an agreement: its own part, its signing keys, the list of
those who review, the number of the version, its record, and the versions that it replaces. To a
signatory that is one change. `contracts/comparison.py` lists each term, for programs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contracts.comparison import TermChange
from contracts.comparison_effects import Effect
from contracts.model import Contract
from contracts.parties import Party

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
    from_day = ""
    if any(one.path == "starts" and one.effect == "narrows" for one in changes):
        paths.add("starts")
        from_day = f" from {after.starts}"
    found = tuple([one for one in changes if one.path in paths and not one.widening])
    if not any(one.path == "version" for one in found):
        return None
    text = f"Version {after.version} replaces {before.version}{from_day}."
    if also:
        text += f" It also replaces the versions with the hashes {', '.join(also)}."
    for one in record if any(each.path.startswith("version_record.") for each in found) else ():
        text += f' Its record of {one.date}: "{one.change}" Authorised by: "{one.authorised_by}".'
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
        parts.append(f"It {'also reviews' if joins else 'no longer reviews'} the agreement.")
    if joins:
        parts.append(_named(one))
    return SummaryLine(effect, " ".join(parts), found)


def _joins(before: Contract, after: Contract, joined: Party, reader: str | None) -> str:
    new_role = "" if before.parties_of_role(joined.role) else " No agency had this role before."
    said = f"{joined.id} joins as {joined.role}"
    if reader == joined.id:
        return f"{said}: this is you.{new_role}"
    return f"{said}; {_flows(after, joined, reader, 'may')}{new_role}"


def _leaves(before: Contract, left: Party, reader: str | None) -> str:
    said = f"{left.id} ({left.role}) is left out"
    if reader == left.id:
        return f"{said}: this is you."
    return f"{said}; {_flows(before, left, reader, 'may no longer')}"


def _named(party: Party) -> str:
    """Return the terms of a party that a signatory recognises it by."""
    parts = [
        f'Legal name: "{party.legal_name}"',
        f"area: {', '.join(party.area)}",
        f"law: {party.regime}",
        party.relationship,
    ]
    if party.kafka_principal is not None:
        parts.append(f'principal on Kafka: "{party.kafka_principal}"')
    return f"{'; '.join(parts)}."


def _flows(contract: Contract, other: Party, reader: str | None, may: str) -> str:
    """Return which events a party and its partners may send to each other, by roles."""
    if reader is not None and (you := contract.party(reader)) is not None:
        return f"for you: {_between(contract, you.role, other, 'you', 'you', may)}."
    same: dict[str, list[str]] = {}
    for role in dict.fromkeys(each.role for each in contract.parties if each.id != other.id):
        same.setdefault(_between(contract, role, other, "they", "them", may), []).append(role)
    said_of = [f"for {', '.join(roles)}: {said}" for said, roles in same.items()]
    return f"{'; '.join(said_of)}."


def _between(contract: Contract, role: str, other: Party, who: str, whom: str, may: str) -> str:
    sent = ", ".join(_types(contract, role, other.role))
    got = ", ".join(_types(contract, other.role, role))
    if not sent and not got:
        return f"no event goes between {whom} and {other.id}"
    parts = [f"{who} {may} send it {sent}"] if sent else []
    parts += [f"it {may} send {whom} {got}"] if got else []
    return ", and ".join(parts)


def _types(contract: Contract, sender: str, recipient: str) -> Iterator[str]:
    """Yield the event types that one role may send to another."""
    for name, terms in contract.event_types.items():
        if sender in terms.publishers and recipient in terms.recipients:
            yield name
