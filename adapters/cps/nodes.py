"""Small tree of XML elements and its text form, for files that are written for import."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from adapters.mapping import Place

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(slots=True)
class XmlNode:
    """One element.

    Attributes:
        name: without its namespace.
        namespace: of the element.
        children: elements inside.
        text: character data.
    """

    name: str
    namespace: str
    children: list[XmlNode] = field(default_factory=list)
    text: str = ""

    def child(self, name: str) -> XmlNode:
        """Append an element of the same namespace."""
        node = XmlNode(name, self.namespace)
        self.children.append(node)
        return node

    def write(self, text: str, path: str) -> None:
        """Set the text. Raises MappingError(invalid_value) for a character that XML lacks."""
        if _NOT_IN_XML.search(text):
            raise Place(0, path).error("invalid_value", "a character that XML does not have")
        self.text = text


def text_of_tree(node: XmlNode, depth: int = 0, outer: str = "") -> str:
    """Return the element as indented text; its namespace only where it differs from ``outer``."""
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
