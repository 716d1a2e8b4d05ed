"""A small tree of XML elements that knows the line of each, and its text form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from adapters.mapping import Place

MAX_DEPTH = 8
"""Elements inside each other; the schema has five."""
MAX_ELEMENTS = 1_000_000
"""Elements of one file; the largest file with values in them has fewer."""
MAX_NAMESPACE = 200
"""Characters. The parser repeats a namespace for each element: a long one multiplies the file."""

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(slots=True)
class XmlNode:
    """One element.

    Attributes:
        name: without its namespace.
        namespace: of the element.
        line: 1-based, where it starts.
        children: elements inside.
        text: character data without surrounding blanks.
        attributes: whether it has any.
    """

    name: str
    namespace: str
    line: int
    children: list[XmlNode] = field(default_factory=list)
    text: str = ""
    attributes: bool = False

    def child(self, name: str) -> XmlNode:
        """Append an element of the same namespace."""
        node = XmlNode(name, self.namespace, self.line)
        self.children.append(node)
        return node

    def write(self, text: str, path: str) -> None:
        """Set the text. Raises MappingError(invalid_value) for a character that XML lacks."""
        if _NOT_IN_XML.search(text):
            raise Place(0, path).error("invalid_value", "a character that XML does not have")
        self.text = text


class TreeTarget:
    """What the parser feeds: builds nodes, and stops at nesting that no export has."""

    def __init__(self) -> None:
        self.line: Callable[[], int] = lambda: 0
        self._stack: list[XmlNode] = []
        self._texts: list[list[str]] = []
        self._root: XmlNode | None = None
        self._elements = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element opens. Raises MappingError(file_malformed) beyond the limits."""
        namespace, _, name = tag.rpartition("}")
        node = XmlNode(name, namespace.removeprefix("{"), self.line(), attributes=bool(attributes))
        self._elements += 1
        if len(self._stack) >= MAX_DEPTH:
            raise Place(node.line).error("file_malformed", "elements are nested too deeply")
        if self._elements > MAX_ELEMENTS:
            raise Place(node.line).error("file_malformed", "the file has too many elements")
        if len(namespace) > MAX_NAMESPACE:
            raise Place(node.line).error("file_malformed", "a namespace is too long")
        if self._stack:
            self._stack[-1].children.append(node)
        else:
            self._root = node
        self._stack.append(node)
        self._texts.append([])

    def data(self, text: str) -> None:
        """Character data of the open element."""
        self._texts[-1].append(text)

    def end(self, tag: str) -> None:
        """An element closes."""
        self._stack.pop().text = "".join(self._texts.pop()).strip()

    def close(self) -> XmlNode | None:
        """The root."""
        return self._root


def text_of_tree(node: XmlNode, depth: int = 0, outer: str = "") -> str:
    """The element as indented text, with its namespace where it differs from the outer one."""
    indent = "  " * depth
    opening = (
        f'{node.name} xmlns="{_escaped(node.namespace)}"' if node.namespace != outer else node.name
    )
    if not node.children:
        return f"{indent}<{opening}>{_escaped(node.text)}</{node.name}>\n"
    inner = "".join(text_of_tree(child, depth + 1, node.namespace) for child in node.children)
    text = f"{indent}  {_escaped(node.text)}\n" if node.text else ""
    return f"{indent}<{opening}>\n{text}{inner}{indent}</{node.name}>\n"


def _escaped(text: str) -> str:
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(char, entity)
    return text
