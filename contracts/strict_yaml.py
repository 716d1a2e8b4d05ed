"""Strict YAML of agreements and vocabularies, and errors by file, line and field.

The parties sign the exact bytes of these files (docs/spec/contracts.md, "The file"), so a file must
have one meaning. Only mappings, lists and scalars of YAML are accepted, without anchors, aliases,
tags or a second document. Repeated keys are errors. Only `true`, `false` and whole numbers are not
text, so `no`, `12:30` and `1.0` stay texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from contracts.errors import ContractError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = [
    "DEPTH",
    "ITEMS",
    "NODES",
    "DocumentKind",
    "Fault",
    "MisplacedError",
    "SeveralFaultsError",
    "Tree",
    "TreePath",
    "document_error",
    "dotted",
    "read",
    "refused_for",
    "validated",
]  # fmt: skip

DEPTH = 24
"""Deepest nesting of a file."""
ITEMS = 512
"""Most items of one list or mapping; the shipped agreement has 54."""
NODES = 40_000
"""Maximum number of values in a file; the shipped agreement has 2,600 with seven parties.

A party takes 35 to 60 of them.

The model makes several kilobytes of messages for each wrong item, and any client that may write to
Kafka can send a file (out of memory).
"""
_FAULTS = 10_000
"""Most faults of a file that are described; each takes a kilobyte of memory."""
_ODD_BREAK = re.compile("[\x85\u2028\u2029]")
"""Line breaks in YAML 1.1 only.

Text after one is a comment for one parser, and a grant for the other.
"""
_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair, which an escape can write: only the C parser refuses it."""
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
# The C parser is about ten times faster; if PyYAML was built without it, use the other one.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_EXPLANATIONS = {
    "missing": "this field is missing",
    "extra_forbidden": "{noun} has no such field",
    "model_type": "a mapping is expected",
    "dict_type": "a mapping is expected",
    "tuple_type": "a list is expected",
    "list_type": "a list is expected",
    "string_type": "text is expected",
    "bool_type": "true or false is expected",
    "int_type": "a whole number is expected",
    "string_too_short": "the text is empty",
    "string_too_long": "the text has more than {max_length} characters",
    "literal_error": "{expected} is expected",
    "enum": "{expected} is expected",
    "too_short": "a list of at least {min_length} is expected",
    "too_long": "a list of at most {max_length} is expected",
    "greater_than_equal": "a number from {ge} is expected",
    "greater_than": "a number above {gt} is expected",
    "less_than_equal": "a number up to {le} is expected",
    "less_than": "a number below {lt} is expected",
    "date_from_datetime_parsing": "this day does not exist",
    "date_parsing": "this day does not exist",
    "value_error": "{error}",
}
"""Texts for the author of a file, where pydantic's own texts use Python terms."""
_FORMS: Final = {
    r"^[a-z][a-z0-9-]{0,62}$": "an id has up to 63 lower-case letters, digits and "
    "hyphens, and begins with a letter",
    r"^[a-z][a-z_]{0,39}$": "a name has up to 40 lower-case letters and underscores, and begins "
    "with a letter",
    r"^[A-Z][A-Za-z0-9]{0,39}$": "the name of an object has up to 40 letters and digits, and "
    "begins with a capital",
    r"^[a-z][a-z0-9-]{0,39}(\.[a-z][a-z0-9-]{0,39}){1,3}$": "an event type is two to four names "
    "with dots, such as case.opened",
    r"^[a-z][a-z_]{0,39}(\.[a-z][a-z_]{0,39})?$": "a field is a name, or two with a dot",
    r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$": "a code has up to 64 letters, digits and . _ / -",
    r"^[0-9]+(\.[0-9]+){0,4}$": "a clause is numbers with dots, such as 4.1.2",
    r"^[0-9]+\.[0-9]+\.[0-9]+$": "a version is three numbers with dots, such as 1.0.0",
    r"^[0-9a-f]{64}$": "a SHA-256 is 64 digits, 0 to 9 and a to f",
    r"^[EWSNK][0-9]{8}$": "an ONS area code is a letter and 8 digits, such as E09000007",
    r"^[A-Z][A-Z0-9]{7}$": "a registration number has 8 characters, such as ZA123456",
}
"""Description of each form of text, by its pattern."""

_BROKEN: Final = (
    ("expected ':'", "a colon is missing on this line or the one before it"),
    ("mapping values are not allowed", "a colon is missing on the line before, an indent is wrong, "
     "or a text with a colon needs quotation marks"),
    ("expected key", "a quotation mark is missing, or an indent is wrong, on this line or above"),
    ("'-' indicator", "an item of the list does not begin with a hyphen, or an indent is wrong"),
    ("escape character", "in quotation marks, write two backslashes for one"),
    ("block end", "an indent is wrong on this line or the one before it"),
    ("',' or ']'", "a list in square brackets has no end, or a comma is missing"),
    ("',' or '}'", "a list in braces has no end, or a comma is missing"),
    ("end of stream", "a quotation mark or a bracket has no end"),
    ("cannot start any token", "a tab, or a sign such as @ or %, begins a word: put the text in "
     "quotation marks, and indent with spaces"),
)  # fmt: skip
"""Words of the parser, and what the author of a file has to look for."""

Tree: TypeAlias = "str | int | bool | list[Tree] | dict[str, Tree] | None"
TreePath: TypeAlias = tuple[str | int, ...]
Fault: TypeAlias = tuple[TreePath, str]
"""Path of keys and indexes in the file, and a sentence."""
ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """One kind of file, for its limits and messages.

    Attributes:
        noun: its name in a sentence, with its article.
        largest: most bytes.
        code: reason code of every fault in it.
        fix: next step for the person who has a faulty file.
        shown: most faults that are listed.
    """

    noun: str
    largest: int
    code: str
    fix: str
    shown: int = 10


def validated(
    kind: DocumentKind,
    model: type[ModelT],
    tree: Tree,
    lines: dict[TreePath, int],
    where: str,
    context: object = None,
) -> ModelT:
    """Return the model of a file's content; `context` is for the model's own validators.

    Raises:
        ContractError: with the code of the kind: the content does not meet the model.
    """
    try:
        return model.model_validate(tree, context=context)
    except ValidationError as error:
        if (count := error.error_count()) > _FAULTS:
            what = f"the file has {count:,} faults: it is not {kind.noun}"
            raise document_error(kind, what, where) from None
        found = error.errors(include_url=False, include_input=False)
        above = {item["loc"][:end] for item in found for end in range(len(item["loc"]))}
        faults = [
            fault
            for item in found
            if item["type"] != "too_short" or item["loc"] not in above  # short by its faulty items
            for fault in _faults_of(kind, item)
        ]
    raise refused_for(kind, faults, lines, where)


class MisplacedError(ValueError):
    """A fault that a model's own validator finds below itself.

    Attributes:
        path: from the model's place to the fault.
    """

    def __init__(self, text: str, *path: str | int) -> None:
        super().__init__(text)
        self.path = path


class SeveralFaultsError(ValueError):
    """Faults that a model's own validator finds below itself.

    Attributes:
        faults: each with its path from the model's place.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(text for _, text in faults))
        self.faults = tuple(faults)


def _faults_of(kind: DocumentKind, item: ErrorDetails) -> list[Fault]:
    """Return the faults of one item, with the places that the validator adds to the model's."""
    raised = item.get("ctx", {}).get("error")
    if isinstance(raised, SeveralFaultsError):
        return [((*item["loc"], *below), text) for below, text in raised.faults]
    below = raised.path if isinstance(raised, MisplacedError) else ()
    text = _explained(kind, item["type"], item["msg"], item.get("ctx", {}))
    return [((*item["loc"], *below), text)]


def _explained(
    document: DocumentKind, kind: str, message: str, context: Mapping[str, object]
) -> str:
    if (form := _FORMS.get(str(context.get("pattern", "")))) is not None:
        return form
    return _EXPLANATIONS.get(kind, message).format_map({**context, "noun": document.noun})


def refused_for(
    kind: DocumentKind, faults: Sequence[Fault], lines: dict[TreePath, int], where: str
) -> ContractError:
    """Return the error for faults of a file's content: the first, then the others."""
    texts = []
    for path, text in faults:
        known = path
        while known not in lines:  # the nearest key that is in the file
            known = known[:-1]
        texts.append((f"{where}:{lines[known]}: {dotted(path) or 'the whole file'}", text))
    first_where, first = texts[0]
    more = [f"{at}: {text}" for at, text in texts[1 : kind.shown]]
    if len(texts) > kind.shown:
        more.append(f"and {len(texts) - kind.shown} more")
    return document_error(kind, "\n".join([first, *more]), first_where)


def dotted(path: TreePath) -> str:
    """Return a path as messages show it, for example `version_record[0].date`."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")


def document_error(kind: DocumentKind, what: str, where: str) -> ContractError:
    """Return the error for one fault of a file."""
    return ContractError(what, code=kind.code, where=where, fix=kind.fix)


def read(kind: DocumentKind, raw: bytes, where: str) -> tuple[Tree, dict[TreePath, int]]:
    """Return the content as plain values, and for each path the line (from 1) where it starts.

    Raises:
        ContractError: with the code of the kind: too large, or not strict YAML.
    """
    if len(raw) > kind.largest:
        raise document_error(kind, f"{kind.noun} is larger than {kind.largest >> 20} MiB", where)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise document_error(kind, f"{kind.noun} is not UTF-8 text", where) from None
    if text.startswith("\ufeff"):
        raise document_error(kind, f"{kind.noun} starts with a byte order mark", f"{where}:1")
    if (odd := _ODD_BREAK.search(text)) is not None:
        line = text.count("\n", 0, odd.start()) + 1
        raise document_error(kind, "a line break that YAML 1.2 does not have", f"{where}:{line}")
    try:
        return _Reader(kind, text, where).read()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        what = f"the file cannot be read from here: {_broken(error)}"
        raise document_error(kind, what, f"{where}:{line}") from None
    except yaml.YAMLError:
        raise document_error(kind, "a character that may not be in a text", where) from None


def _broken(error: yaml.MarkedYAMLError) -> str:
    """Return what is most often wrong where a parser stops, in words for the author."""
    problem = error.problem or ""
    return next((text for part, text in _BROKEN if part in problem), f"it is not YAML ({problem})")


class _Reader:
    """One pass over the parser's events; `DEPTH` limits the recursion.

    Events are `Any`: the stubs of PyYAML have the base class, without anchors, tags and values.
    """

    def __init__(self, kind: DocumentKind, text: str, where: str) -> None:
        self.kind = kind
        self.where = where
        self.lines: dict[TreePath, int] = {}
        self.loader: Any = _Loader(text)

    def read(self) -> tuple[Tree, dict[TreePath, int]]:
        try:
            self.loader.get_event()  # stream start
            if self.loader.check_event(yaml.StreamEndEvent):
                raise self.refuse("the file is empty", None)
            self.loader.get_event()  # document start
            tree = self.node(self.loader.get_event(), ())
            self.loader.get_event()  # document end
            if not self.loader.check_event(yaml.StreamEndEvent):
                raise self.refuse("a second document", self.loader.peek_event())
        finally:
            self.loader.dispose()
        return tree, self.lines

    def refuse(self, what: str, event: Any) -> ContractError:
        line = _line(event) if event is not None else 1
        return document_error(self.kind, what, f"{self.where}:{line}")

    def node(self, event: Any, path: TreePath) -> Tree:
        kind = event.__class__
        if kind is yaml.AliasEvent:
            raise self.refuse("aliases are not allowed: write it out", event)
        if event.anchor is not None:
            raise self.refuse("anchors are not allowed: write it out", event)
        if event.tag is not None:
            raise self.refuse("tags are not allowed", event)
        self.lines.setdefault(path, _line(event))
        if len(self.lines) > NODES:
            raise self.refuse(f"more than {NODES} values", event)
        if kind is yaml.ScalarEvent:
            if _SURROGATE.search(event.value):
                raise self.refuse("half a character (a surrogate)", event)
            return _scalar(event)
        if len(path) >= DEPTH:
            raise self.refuse("nested too deeply", event)
        return self.mapping(path) if kind is yaml.MappingStartEvent else self.sequence(path)

    def sequence(self, path: TreePath) -> Tree:
        items: list[Tree] = []
        get = self.loader.get_event
        while (event := get()).__class__ is not yaml.SequenceEndEvent:
            if len(items) == ITEMS:
                raise self.refuse(f"more than {ITEMS} items", event)
            items.append(self.node(event, (*path, len(items))))
        return items

    def mapping(self, path: TreePath) -> Tree:
        items: dict[str, Tree] = {}
        get = self.loader.get_event
        while (event := get()).__class__ is not yaml.MappingEndEvent:
            if event.__class__ is not yaml.ScalarEvent or event.anchor or event.tag:
                raise self.refuse("a key must be plain text", event)
            key = event.value
            if _SURROGATE.search(key):
                raise self.refuse("half a character (a surrogate)", event)
            if key in items:
                raise self.refuse(f"{key} is written twice", event)
            if len(items) == ITEMS:
                raise self.refuse(f"more than {ITEMS} items", event)
            below = (*path, key)
            self.lines[below] = _line(event)
            items[key] = self.node(get(), below)
        return items


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1


def _scalar(event: Any) -> Tree:
    value: str = event.value
    if event.style:  # quoted or a block: text
        return value
    if value in {"true", "false"}:
        return value == "true"
    if _INTEGER.fullmatch(value):
        return int(value)
    return None if value in {"", "null", "~"} else value
