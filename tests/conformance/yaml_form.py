"""The part of YAML in which contracts are written (docs/spec/contracts.md, "The file").

Built on the parser's events rather than on its loader, so that nothing is resolved by YAML's own
rules: `no` is text here, and anchors and tags are not there at all.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.conformance.refusals import MalformedError

MAX_BYTES = 4194304
MAX_DEPTH = 24
MAX_ITEMS = 512
MAX_VALUES = 40000
ODD_BREAKS = frozenset("\x85\u2028\u2029")
INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")


def parse_yaml(octets: bytes) -> object:
    """The value of a file.

    Raises:
        MalformedError: it is not in the part of YAML that is allowed.
    """
    if len(octets) > MAX_BYTES:
        raise MalformedError("too large")
    try:
        text = octets.decode("utf-8")
        if text.startswith("\ufeff"):
            raise MalformedError("a byte order mark")
        if not ODD_BREAKS.isdisjoint(text):
            raise MalformedError("a line break of YAML 1.1")
        return _Composer(text).document()
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError("not YAML") from error


class _Composer:
    def __init__(self, text: str) -> None:
        # The parser of libyaml where there is one: it is the same grammar, and much faster.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._events = iter(yaml.parse(text, Loader=loader))
        self._values = 0

    def document(self) -> object:
        self._expect(yaml.StreamStartEvent)
        start = self._expect(yaml.DocumentStartEvent)
        if start.version is not None or start.tags:
            raise MalformedError("a directive")
        value = self._value(next(self._events), 1)
        self._expect(yaml.DocumentEndEvent)
        self._expect(yaml.StreamEndEvent)
        return value

    def _expect(self, kind: type[yaml.Event]) -> Any:
        event = next(self._events)
        if not isinstance(event, kind):
            raise MalformedError("not one document")
        return event

    def _value(self, event: Any, depth: int) -> object:
        self._values += 1
        if self._values > MAX_VALUES:
            raise MalformedError("too many values")
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None or event.tag is not None:
            raise MalformedError("an anchor, alias or tag")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if depth > MAX_DEPTH:
            raise MalformedError("too deep")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(depth)
        return self._mapping(depth)

    def _list(self, depth: int) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, depth + 1))
            if len(items) > MAX_ITEMS:
                raise MalformedError("too many members")
        return items

    def _mapping(self, depth: int) -> dict[str, object]:
        members: dict[str, object] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or event.anchor is not None or event.tag:
                raise MalformedError("a key that is not a scalar")
            if event.value in members:
                raise MalformedError("a key twice")
            members[event.value] = self._value(next(self._events), depth + 1)
            if len(members) > MAX_ITEMS:
                raise MalformedError("too many members")
        return members


def _scalar(event: yaml.ScalarEvent) -> object:
    text: str = event.value
    if event.style:  # one of ' " | >; a plain scalar has none
        return text
    if text in {"true", "false"}:
        return text == "true"
    if INTEGER.fullmatch(text):
        return int(text)
    return None if text in {"", "null", "~"} else text
