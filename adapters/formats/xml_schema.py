"""Elements and attributes that an XML record may have, from the paths of its columns.

A path names elements below the record, with slashes: ``Victim/Name``. ``@`` begins the name of an
attribute: ``Case/@ref``, or ``@ref`` for one of the record itself. A name stands for an element of
the root's namespace, or for an attribute without one. Another namespace is written in braces before
the name: ``{urn:example}Name``. In a list of records, the paths of the parts begin below the
repeated element, and ``.`` is its own text beside attributes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from adapters.base import MappingError
from adapters.formats.record_format import Columns

OWN_TEXT: Final = "."
"""Path of the text of the record itself, or of the repeated element."""
NAMESPACE_END: Final = "}"
"""Separator of namespace and name in the parser's element names."""
_SEGMENT: Final = re.compile(r"(@?(?:\{[^{}]*\})?[^\W\d][\w.-]*)(?:/|$)")


@dataclass(slots=True)
class Node:
    """An element that may stand in a record.

    Attributes:
        path: its path, for errors.
        column: whether its text is a column.
        many: whether it may be repeated; its value is then a list.
        parts: for a repeated element, the paths that it may have; None for any.
        children: name -> element.
        attributes: name, with ``@`` -> column.
    """

    path: str
    column: bool = False
    many: bool = False
    parts: frozenset[str] | None = None
    children: dict[str, Node] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)


def segments(path: str) -> tuple[str, ...]:
    """Split a path at its slashes; slashes inside a namespace are part of it.

    Raises:
        MappingError: path_invalid: it is not a path of elements.
    """
    found: list[str] = []
    at = 0
    while at < len(path):
        match = _SEGMENT.match(path, at)
        if match is None or (match[1].startswith("@") and match.end() < len(path)):
            break
        found.append(match[1])
        at = match.end()
    if at < len(path) or not found or path.endswith("/"):
        raise MappingError(
            f"{path!r} is not a path of XML elements",
            code="unknown_column",
            fix="Write names of elements with slashes between them, and an attribute with @ as "
            "the last name: Victim/Name, Case/@ref.",
        )
    return tuple(found)


def tree(columns: Columns) -> Node:
    """Return the elements of a record.

    Raises:
        MappingError: unknown_column: a column is not a path, or stands inside a list.
    """
    root = Node("")
    for column in columns.known:
        if column == OWN_TEXT:
            root.column, root.path = True, OWN_TEXT
            continue
        *above, last = segments(column)
        node = root
        for depth, name in enumerate(above, 1):
            node = node.children.setdefault(name, Node("/".join(above[:depth])))
            _not_in_list(node, column)
        if last.startswith("@"):
            node.attributes[last] = column
            continue
        node = node.children.setdefault(last, Node(column))
        node.column = True
        if column in columns.lists:
            node.many = True
            parts = columns.parts
            node.parts = None if parts is None else parts.get(column, frozenset())
            if node.children or node.attributes:
                _not_in_list(node, column)
    return root


def _not_in_list(node: Node, column: str) -> None:
    if node.many:
        raise MappingError(
            f"the column {column} and the list {node.path} stand inside each other",
            code="unknown_column",
            fix="Name what stands in a repeated element as a part of the list.",
        )


class Names:
    """Names as the parser gives them -> names as paths have them.

    Attributes:
        root: namespace of the root.
    """

    def __init__(self) -> None:
        self.root = ""
        self._known: dict[str, str] = {}

    def __len__(self) -> int:
        """Return the number of different names."""
        return len(self._known)

    def element(self, tag: str) -> str:
        """Return the name of an element."""
        found = self._known.get(tag)
        if found is None:
            namespace, _, name = tag.rpartition(NAMESPACE_END)
            found = name if namespace == self.root else f"{{{namespace}}}{name}"
            self._known[tag] = found
        return found

    @staticmethod
    def attribute(name: str) -> str:
        """Return the name of an attribute."""
        namespace, _, local = name.rpartition(NAMESPACE_END)
        return f"@{{{namespace}}}{local}" if namespace else f"@{local}"


def unknown_reason(children: Mapping[str, Node], name: str) -> str:
    """Return why an element may not stand inside another one."""
    if name.rpartition(NAMESPACE_END)[2] in children:
        return "an element of another namespace"
    if len(children) == 1:
        (expected,) = children
        return f"an element other than {expected} stands here"
    return "an element that the mapping lacks"
