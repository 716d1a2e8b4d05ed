"""Differences between two agreements, leaf by leaf, without a judgement of their effect.

Lists of ids are compared as sets, lists of parts by the id of each part. Every different leaf is in
the result. `contracts/comparison.py` judges the effect of a difference on disclosure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from contracts.model import Contract, DraftContract

__all__ = ["Difference", "TermPath", "TermValue", "differences"]

TermPath: TypeAlias = tuple[str, ...]
TermValue: TypeAlias = "bool | int | str | list[TermValue] | dict[str, TermValue] | None"
_IDENTIFIED_BY: Mapping[str, tuple[str, ...]] = {
    "parties": ("id",),
    "processors": ("name",),
    "consulted": ("who", "date"),
    "version_record": ("version",),
    "legal_bases": ("purpose", "regime", "relied_on_by"),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One leaf, or one part with all its leaves, that differs.

    Attributes:
        path: of keys; an item of a list is its own key.
        kind: `added` and `removed` of a part or an item, `changed` of a value, `reordered` of a
            list or mapping with the same items.
        before: None if it was added.
        after: None if it was removed.
    """

    path: TermPath
    kind: Literal["added", "removed", "changed", "reordered"]
    before: TermValue
    after: TermValue


def differences(before: Contract, after: Contract) -> Iterator[Difference]:
    """Yield every difference, in the order of the newer agreement."""
    yield from _between((), _members(before), _members(after))


def _members(contract: Contract) -> dict[str, TermValue]:
    """Return the members of an agreement; those that a draft does not have yet are None."""
    members: dict[str, TermValue] = contract.model_dump(mode="json")
    if isinstance(contract, DraftContract):
        members |= dict.fromkeys(contract.absent)
    return members


def _between(path: TermPath, before: TermValue, after: TermValue) -> Iterator[Difference]:
    if before == after and not isinstance(before, dict):
        return
    if before is None:
        yield Difference(path, "added", None, after)
    elif after is None:
        yield Difference(path, "removed", before, None)
    elif isinstance(before, dict) and isinstance(after, dict):
        yield from _parts(path, before, after)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _lists(path, before, after)
    else:
        yield Difference(path, "changed", before, after)


def _parts(
    path: TermPath, before: Mapping[str, TermValue], after: Mapping[str, TermValue]
) -> Iterator[Difference]:
    for key, value in after.items():
        if key in before:
            yield from _between((*path, key), before[key], value)
        elif value is not None:
            yield Difference((*path, key), "added", None, value)
    for key, value in before.items():
        if key not in after and value is not None:
            yield Difference((*path, key), "removed", value, None)
    shared = [key for key in before if key in after]
    if shared != [key for key in after if key in before]:
        yield Difference(path, "reordered", list(before), list(after))


def _lists(path: TermPath, before: list[TermValue], after: list[TermValue]) -> Iterator[Difference]:
    members = _IDENTIFIED_BY.get(path[-1] if path else "")
    old, new = _keyed(before, members), _keyed(after, members)
    yield from _parts(path, old, new)
    if len(old) != len(before) or len(new) != len(after):  # repeated items have one key
        yield Difference(path, "changed", before, after)


def _keyed(items: list[TermValue], members: tuple[str, ...] | None) -> dict[str, TermValue]:
    keyed: dict[str, TermValue] = {}
    for item in items:
        if isinstance(item, dict):
            named = members or tuple(item)
            key = " ".join(_text(item.get(name)) for name in named)
        else:
            key = str(item)
        keyed[key] = item
    return keyed


def _text(value: TermValue) -> str:
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)
