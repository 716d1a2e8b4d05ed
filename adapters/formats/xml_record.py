"""Content of one XML record: its open elements, its values, and the first reason to refuse it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from adapters.base import FilePlace, MappingError
from adapters.formats.xml_schema import OWN_TEXT, Node, unknown_reason
from adapters.limits import MAX_ITEMS, MAX_PARTS

NIL: Final = "@{http://www.w3.org/2001/XMLSchema-instance}nil"
ATTRIBUTE: Final = "an attribute that the mapping lacks stands here"
BETWEEN: Final = "text between elements is not allowed"
_ONLY_TEXT: Final = "a text is expected here, and nothing else"


@dataclass(slots=True)
class _Open:
    """An open element of a record.

    Attributes:
        node: its schema element; None for a part of a list's item.
        path: its path inside the item; empty for the item itself.
        text: what was read of its text.
        seen: names of its children.
        nil: whether an attribute says that it has no value.
        commented: whether a comment stands in it.
    """

    node: Node | None
    path: str = ""
    text: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    nil: bool = False
    commented: bool = False

    @property
    def holds_text(self) -> bool:
        """Return whether a text may stand in it."""
        return self.node is None or self.node.column


class XmlRecord:
    """One record while it is read.

    Args:
        schema: result of ``tree``.
        columns: all columns; a reason names only these.
        line: line of its start.
        start: offset of its start.
        line_now: returns the line of the present event.

    Attributes:
        end: offset after its last byte.
        values: column -> value, of the elements that have ended.
        problem: why it is refused, or None.
    """

    def __init__(
        self,
        schema: Node,
        columns: Collection[str],
        line: int,
        start: int,
        line_now: Callable[[], int],
    ) -> None:
        self.line = line
        self.start = start
        self.end = 0
        self.values: dict[str, object] = {}
        self.problem: MappingError | None = None
        self._columns = columns
        self._line_now = line_now
        self._open = [_Open(schema)]
        self._item: dict[str, object] = {}
        """Parts of the open item of a list."""
        self._parts = 0

    def refuse(self, code: str, detail: str, path: str = "") -> None:
        """Refuse the record; only the first reason counts."""
        if self.problem is None:
            place = FilePlace(self._line_now(), path if path in self._columns else "")
            self.problem = place.error(code, detail)
            self.values, self._open, self._item = {}, [], {}

    def begin(self, attributes: list[tuple[str, str]]) -> None:
        """Take the attributes of the record's own element."""
        self._take_attributes(self._open[-1], attributes)

    def start_element(self, name: str, attributes: list[tuple[str, str]]) -> None:
        """Handle the start of an element inside the record."""
        self._parts += 1 + len(attributes)
        if self._parts > MAX_PARTS:
            self.refuse("row_malformed", f"the record has more than {MAX_PARTS} elements")
            return
        parent = self._open[-1]
        if any(not piece.isspace() for piece in parent.text):
            self.refuse("row_malformed", BETWEEN, self._path_of(parent))
        elif parent.node is None or parent.node.many:
            self._part(parent, name, attributes)
        else:
            self._element(parent, parent.node, name, attributes)

    def text(self, text: str) -> None:
        """Handle text."""
        if not self._open:
            return
        top = self._open[-1]
        if top.holds_text:
            top.text.append(text)
        if text.strip() and (top.seen or not top.holds_text):
            self.refuse("row_malformed", BETWEEN, self._path_of(top))

    def comment(self) -> None:
        """Handle a comment."""
        if self._open:
            self._open[-1].commented = True

    def end_element(self) -> None:
        """Store the value of an element that has ended; the last one is the record itself."""
        one = self._open.pop()
        text = "".join(one.text).strip()
        path = self._path_of(one) if one.node is not None else self._path_of(self._open[-1])
        if text and one.commented:
            self.refuse("row_malformed", "a comment stands inside a value", path)
        elif one.nil and (text or one.seen):
            self.refuse("row_malformed", "an element that is nil has a value", path)
        elif one.node is None:
            if not one.seen and (text or not self._has_parts(one.path)):
                self._item[one.path] = text
        elif one.node.many:
            self._keep_item(one.node, text)
        elif one.node.column:
            self.values[one.node.path] = text

    def _path_of(self, one: _Open) -> str:
        if one.node is not None:
            return one.node.path
        lists = [o.node for o in self._open if o.node is not None and o.node.many]
        return lists[0].path if lists else ""

    def _element(
        self, parent: _Open, above: Node, name: str, attributes: list[tuple[str, str]]
    ) -> None:
        node = above.children.get(name)
        if node is None:
            if above.column and not above.children:
                self.refuse("row_malformed", _ONLY_TEXT, above.path)
            else:
                self.refuse("unknown_column", unknown_reason(above.children, name), above.path)
        elif name in parent.seen and not node.many:
            self.refuse("row_malformed", "an element appears twice", node.path)
        else:
            parent.seen.add(name)
            self._open.append(_Open(node))
            self._take_attributes(self._open[-1], attributes)

    def _part(self, parent: _Open, name: str, attributes: list[tuple[str, str]]) -> None:
        path = f"{parent.path}/{name}" if parent.path else name
        allowed = self._allowed_parts()
        known = allowed is None or any(p == path or p.startswith(f"{path}/") for p in allowed)
        if not known:
            self.refuse(
                "unknown_column" if allowed else "row_malformed",
                "an element that the mapping lacks" if allowed else _ONLY_TEXT,
                self._path_of(parent),
            )
        elif name in parent.seen:
            self.refuse("row_malformed", "an element appears twice", self._path_of(parent))
        else:
            parent.seen.add(name)
            self._open.append(_Open(None, path))
            self._take_attributes(self._open[-1], attributes)

    def _allowed_parts(self) -> frozenset[str] | None:
        """Return the parts of the open list; None for any."""
        for one in reversed(self._open):
            if one.node is not None:
                return one.node.parts
        return None

    def _take_attributes(self, one: _Open, attributes: list[tuple[str, str]]) -> None:
        for name, value in attributes:
            if name == NIL and value.strip() in ("true", "1", "false", "0"):
                one.nil = value.strip() in ("true", "1")
            elif one.node is not None and not one.node.many:
                column = one.node.attributes.get(name)
                if column is None:
                    self.refuse("unknown_column", ATTRIBUTE, one.node.path)
                    return
                self.values[column] = value.strip()
            else:
                path = f"{one.path}/{name}" if one.path else name
                allowed = self._allowed_parts()
                if allowed is not None and path not in allowed:
                    self.refuse("unknown_column", ATTRIBUTE, self._path_of(one))
                    return
                self._item[path] = value.strip()

    def _has_parts(self, path: str) -> bool:
        return any(part.startswith(f"{path}/") for part in self._item)

    def _keep_item(self, node: Node, text: str) -> None:
        item, self._item = self._item, {}
        if item and text:
            item[OWN_TEXT] = text
        found = self.values.setdefault(node.path, [])
        assert isinstance(found, list)
        found.append(item or text)
        if len(found) > MAX_ITEMS:
            self.refuse("invalid_value", f"more than {MAX_ITEMS} items", node.path)
