"""Write docs/events.md from the shipped vocabularies: python docs/events.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from contracts.vocabulary import Vocabulary
from contracts.vocabulary.json_schema import json_schema
from contracts.vocabulary.known import named_vocabulary, shipped_vocabulary_files
from contracts.vocabulary.report import condition_in_words

PAGE = Path(__file__).with_name("events.md")
FIRST = "hate-crime"
"""Vocabulary whose schemas are files of the specification."""
Schema: TypeAlias = dict[str, Any]

HEAD = """\
# Event types

All fields of all event types of the vocabularies that come with the software, one section each.
`docs/events.py` makes this page from them. A partnership may have [another
vocabulary](guides/vocabularies.md): `concordant vocabulary show FILE` shows it in the same way.

A field is named by its dotted path; `[]` after a name means that the field is a list. An agreement
says which of these fields may be sent, by whom and to whom. A field that is not sent is absent: no
field is ever null or filled in with a default. *Required* says that the data of an event are not
valid without the field, where its object is sent. Some fields are required beside certain values of
another field: the list below the table names them. The sender's software refuses an event without
them (`condition_unmet`).

`concordant event example TYPE --agency DIR` prints an example of a type.

| vocabulary | event types |
| --- | --- |
"""

FORMS = {
    r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$": "id (UUID, lower case)",
    r"^[^\x00-\x08\x0b-\x1f\x7f\x80-\x9f]*$": "text",
}
"""Names of patterns that many fields share."""

KINDS = {"date": "day, `YYYY-MM-DD`", "date-time": "time in UTC, with milliseconds"}


def page() -> str:
    """The whole page."""
    names = [FIRST, *(name for name in shipped_vocabulary_files() if name != FIRST)]
    shipped = [named_vocabulary(name) for name in names]
    contents = "".join(
        f"| [`{words.form.vocabulary}`](#{words.form.vocabulary}) | "
        f"{', '.join(f'[`{name}`](#{_anchor(name)})' for name in words.event_types)} |\n"
        for words in shipped
    )
    return HEAD + contents + "".join(map(_vocabulary, shipped))


def _vocabulary(words: Vocabulary) -> str:
    codes: dict[str, str] = {}
    types = "".join(_type(words, name, codes) for name in words.event_types)
    lists = "".join(
        f"\n### `{name}` ({words.form.vocabulary})\n\n{codes[name]}\n" for name in sorted(codes)
    )
    return f"\n## `{words.form.vocabulary}`\n\n{words.form.title}.\n{types}{lists}"


def _type(words: Vocabulary, name: str, codes: dict[str, str]) -> str:
    schema = json_schema(words.form, name)
    link = f" [Schema](spec/schemas/{name}.schema.json)" if words.form.vocabulary == FIRST else ""
    rows = "".join(_rows(words, schema, "", schema["$defs"], codes))
    beside = "".join(
        f"- {', '.join(f'`{path}`' for path in one.required)} if "
        f"{condition_in_words(words.form, words.type(name), one)}. {one.text}\n"
        for one in words.type(name).conditions
    )
    required = f"\nRequired beside other values:\n\n{beside}" if beside else ""
    return (
        f"\n### `{name}`\n\n{schema['description']}{link}\n\n"
        f"| field | form | required |\n| --- | --- | --- |\n{rows}{required}"
    )


def _rows(
    words: Vocabulary,
    node: Schema,
    path: str,
    definitions: dict[str, Schema],
    codes: dict[str, str],
) -> Iterator[str]:
    for name, given in node["properties"].items():
        one, many, label = _resolved(given, definitions)
        field = f"{path}{name}{'[]' if many else ''}"
        needed = "yes" if name in node.get("required", ()) else ""
        if "properties" in one:
            yield f"| `{field}` | {'list of objects' if many else 'object'} | {needed} |\n"
            yield from _rows(words, one, f"{field}.", definitions, codes)
            continue
        form = _form(words, one, label, codes)
        count = f", at most {given['maxItems']} entries" if many and "maxItems" in given else ""
        yield f"| `{field}` | {form}{count} | {needed} |\n"


def _resolved(given: Schema, definitions: dict[str, Schema]) -> tuple[Schema, bool, str]:
    """Resolve a property: return the schema, whether it is a list of it, and its name."""
    many = given.get("type") == "array"
    one = given["items"] if many else given
    label = ""
    while "$ref" in one:
        label = one["$ref"].rpartition("/")[2]
        one = definitions[label]
    return one, many, label


def _form(words: Vocabulary, one: Schema, label: str, codes: dict[str, str]) -> str:
    if label in words.code_lists:
        listed = words.code_lists[label]
        more = "" if listed.others is None else f", or another one of the form `{listed.others}`"
        codes[label] = ", ".join(f"`{code}`" for code in listed.codes) + more
        return f"code of [`{label}`](#{label}-{words.form.vocabulary})"
    if one["type"] == "integer":
        return f"whole number, {one['minimum']} to {one['maximum']}"
    named = {"boolean": "true or false"}.get(one["type"]) or KINDS.get(one.get("format", ""))
    return named or _text(one)


def _text(one: Schema) -> str:
    pattern = one.get("pattern", "")
    name = FORMS.get(pattern, f"text of the form `{pattern}`".replace("|", "\\|"))
    most = f", at most {one['maxLength']} characters" if "maxLength" in one else ""
    return name + most


def _anchor(name: str) -> str:
    """Return the anchor of a heading, as GitHub and Sphinx make it."""
    return name.replace(".", "")


if __name__ == "__main__":
    PAGE.write_text(page())
