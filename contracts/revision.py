"""Next version of an agreement, as an edit of its text: comments and order stay as they were.

Places come from the YAML parser's own marks, so an edit changes exactly the value that is named.
`contracts.loading` parses the result again and decides whether it is an agreement.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final

import yaml

from contracts.drafting import YamlValue, section_lines
from contracts.errors import UnknownNameError
from contracts.names import nearest
from contracts.parties import GovernanceKeys

__all__ = ["NewParty", "Revision", "revised_text", "with_values"]

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C parser, which is about ten times faster, if PyYAML was built with it."""
_PLAIN: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,9}|[0-9]+\.[0-9]+\.[0-9]+|true|false"
)
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*")
_WORDS: Final = frozenset({"true", "false", "null"})
"""Words that are no text where they are not quoted."""
_AUTHORISED: Final = "Each party, by its signature"


@dataclass(frozen=True, slots=True)
class NewParty:
    """A party that joins, as `contracts.drafting.draft` takes one, and its governance keys."""

    party: Mapping[str, YamlValue]
    keys: GovernanceKeys


@dataclass(frozen=True, slots=True)
class Revision:
    """Changes of the next version.

    Attributes:
        version: its number.
        previous: SHA-256 of the files of the versions that it replaces, hexadecimal.
        day: of the entry in the version record.
        change: what the entry says.
        add: parties that join.
        remove: ids of parties that are left out.
        values: dotted path -> text of the new value.
    """

    version: str
    previous: Sequence[str]
    day: date
    change: str
    add: Sequence[NewParty] = ()
    remove: Sequence[str] = ()
    values: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    text: str


def revised_text(text: str, revision: Revision) -> str:
    """Return the text of the next version; the text before is one that `parse_contract` takes.

    Raises:
        UnknownNameError: `field_unknown`: a path names no single value; `agency_unknown`: a party
            that is to be left out is none.
    """
    root = yaml.compose(text, Loader=_Loader)
    assert root is not None  # the text is an agreement
    lines = _Lines(text)
    edits: list[_Edit] = []
    values = {**(revision.values or {}), "version": revision.version}
    appended: list[str] = []
    listed = _child(root, "previous")
    hashes = f"[{', '.join(map(_quoted, revision.previous))}]"
    if listed is None:
        appended.append(f"previous: {hashes}\n")
    else:
        edits.append(_replaced(listed, hashes, text))
    edits += [_set(root, path, value, text) for path, value in values.items()]
    entry = (
        f"  - {{version: {revision.version}, date: {revision.day.isoformat()}, "
        f"change: {_quoted(revision.change)}, authorised_by: {_quoted(_AUTHORISED)}}}\n"
    )
    edits.append(lines.after(_required(root, "version_record"), entry))
    edits += _parties(root, lines, revision)
    text = _edited(text, edits)
    return text if not appended else f"{text.rstrip()}\n{''.join(appended)}"


def with_values(text: str, values: Mapping[str, str]) -> str:
    """Return terms with other values; comments and order stay.

    Args:
        text: terms that `parse_draft` takes.
        values: dotted path -> text of the new value.

    Raises:
        UnknownNameError: `field_unknown`: a path names no value, or is named twice.
    """
    root = yaml.compose(text, Loader=_Loader)
    assert root is not None  # the text is terms
    return _edited(text, [_set(root, path, value, text) for path, value in values.items()])


def _edited(text: str, edits: list[_Edit]) -> str:
    in_order = sorted(edits, key=lambda one: (one.start, one.end))
    for before, after in pairwise(in_order):
        if after.start < before.end:
            raise UnknownNameError(
                "Two changes are about one place.",
                code="field_unknown",
                fix="Name each value once.",
            )
    for edit in reversed(in_order):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


class _Lines:
    """Return the offsets of the lines of a text."""

    def __init__(self, text: str) -> None:
        self._starts = [0]
        for line in text.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def remove(self, first: yaml.Node, last: yaml.Node) -> _Edit:
        """Remove the whole lines of an item."""
        end = min(_last_line(last) + 1, len(self._starts) - 1)
        return _Edit(self._starts[first.start_mark.line], self._starts[end], "")

    def after(self, node: yaml.Node, text: str) -> _Edit:
        """Insert whole lines after the last line of a node."""
        at = self._starts[min(_last_line(node) + 1, len(self._starts) - 1)]
        return _Edit(at, at, text)


def _parties(root: yaml.Node, lines: _Lines, revision: Revision) -> Iterable[_Edit]:
    parties, keys = _required(root, "parties"), _required(root, "governance_keys")
    assert isinstance(parties, yaml.SequenceNode)
    assert isinstance(keys, yaml.MappingNode)
    here = {_text(_required(item, "id")): item for item in parties.value}
    for agency in revision.remove:
        if agency not in here:
            raise UnknownNameError(
                f"{agency[:80]!r} is no party of the agreement.",
                code="agency_unknown",
                fix=f"Parties are: {', '.join(here)}",
            )
        yield lines.remove(here[agency], here[agency])
        pair = next((k, v) for k, v in keys.value if _text(k) == agency)
        yield lines.remove(*pair)
    if revision.add:
        added = list(section_lines({"parties": [one.party for one in revision.add]}))[1:]
        yield lines.after(parties, "".join(f"{line}\n" for line in added))
        pairs = {str(one.party["id"]): one.keys.terms() for one in revision.add}
        listed = list(section_lines({"governance_keys": pairs}))[1:]
        yield lines.after(keys, "".join(f"{line}\n" for line in listed))
    review = _child(root, "review_by")
    if isinstance(review, yaml.SequenceNode) and review.flow_style:
        names = [_text(item) for item in review.value if _text(item) not in revision.remove]
        names += [str(one.party["id"]) for one in revision.add]
        yield _Edit(review.start_mark.index, review.end_mark.index, json.dumps(names))


def _set(root: yaml.Node, path: str, value: str, text: str) -> _Edit:
    node = _at(root, path)
    if isinstance(node, yaml.SequenceNode) and node.flow_style and _plain_items(node):
        items = [one.strip() for one in value.strip().strip("[]").split(",")]
        return _replaced(node, f"[{', '.join(_item(one) for one in items if one)}]", text)
    if not isinstance(node, yaml.ScalarNode):
        alike = nearest(path, _paths(root))
        raise UnknownNameError(
            f"The agreement has no value or list of names at {path[:80]!r}.",
            code="field_unknown",
            fix=f"Did you mean {' or '.join(alike)}?"
            if alike
            else "Name a value by its path, for example ends, retention.grace_days or "
            "parties.haven-support.legal_name. contract lint shows paths in this form.",
        )
    return _replaced(node, _scalar(node, value), text)


def _paths(node: yaml.Node, above: str = "") -> Iterator[str]:
    """Yield the path of each value that can be set."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _paths(value, f"{above}.{_text(key)}" if above else _text(key))
    elif isinstance(node, yaml.SequenceNode) and not (node.flow_style and _plain_items(node)):
        for at, item in enumerate(node.value):
            yield from _paths(item, f"{above}[{at}]")
    else:
        yield above


def _scalar(node: yaml.ScalarNode, value: str) -> str:
    return value if _PLAIN.fullmatch(value) and not node.style else _quoted(value)


def _item(text: str) -> str:
    return text if _NAME.fullmatch(text) and text not in _WORDS else _quoted(text)


def _plain_items(node: yaml.SequenceNode) -> bool:
    return all(isinstance(item, yaml.ScalarNode) for item in node.value)


def _at(node: yaml.Node | None, path: str) -> yaml.Node | None:
    """Return the value at a path; names in it may have dots, such as `case.opened`."""
    if node is None or not path:
        return node
    parts = path.replace("[", ".").replace("]", "").split(".")
    for end in range(1, len(parts) + 1):
        child = _child(node, ".".join(parts[:end]))
        found = _at(child, ".".join(parts[end:]))
        if found is not None:
            return found
    return None


def _replaced(node: yaml.Node, written: str, text: str) -> _Edit:
    start, end = node.start_mark.index, node.end_mark.index
    return _Edit(start, end, written + ("\n" if text[start:end].endswith("\n") else ""))


def _child(node: yaml.Node, part: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if _text(key) == part), None)
    if isinstance(node, yaml.SequenceNode):
        if part.isdecimal():
            return node.value[int(part)] if int(part) < len(node.value) else None
        named = (item for item in node.value if isinstance(item, yaml.MappingNode))
        return next((i for i in named if _text(_child(i, "id")) == part), None)
    return None


def _required(node: yaml.Node, part: str) -> yaml.Node:
    found = _child(node, part)
    assert found is not None  # the text is an agreement
    return found


def _text(node: yaml.Node | None) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def _last_line(node: yaml.Node) -> int:
    """The last line with content of a node; a block's own mark is after comments that follow."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return _last_line(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _last_line(node.value[-1])
    mark = node.end_mark
    return int(mark.line) - 1 if mark.column == 0 else int(mark.line)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
