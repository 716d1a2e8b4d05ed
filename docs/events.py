"""Write docs/events.md from the JSON Schemas of the event types: python docs/events.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

PAGE = Path(__file__).with_name("events.md")
SCHEMAS = sorted((Path(__file__).parent / "spec" / "schemas").glob("*.schema.json"))
Schema: TypeAlias = dict[str, Any]

HEAD = """\
# Event types

All fields of all event types. Made from the [schemas](spec/contracts.md#schemas) by
`docs/events.py`.

A field is named by its dotted path; `[]` after a name means that the field is a list. An agreement
says which of these fields may be sent, by whom and to whom. A field that is not sent is absent: no
field is ever null or filled in with a default. *Required* says that the data of an event are not
valid without the field, where its object is sent.

`concordant event example TYPE --agency DIR` prints an example of a type.
"""

FORMS = {
    r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$": "id (UUID, lower case)",
    r"^[^\x00-\x08\x0b-\x1f\x7f\x80-\x9f]*$": "text",
}
"""Names of patterns that many fields share."""

KINDS = {"date": "day, `YYYY-MM-DD`", "date-time": "time in UTC, with milliseconds"}


def page() -> str:
    """The whole page."""
    schemas = [json.loads(path.read_text()) for path in SCHEMAS]
    codes: dict[str, Schema] = {}
    sections = [_section(schema, codes) for schema in schemas]
    lists = "".join(
        f"\n### `{name}`\n\n{', '.join(f'`{code}`' for code in codes[name]['enum'])}\n"
        for name in sorted(codes)
    )
    return HEAD + "".join(sections) + "\n## Code lists\n" + lists


def _section(schema: Schema, codes: dict[str, Schema]) -> str:
    path = f"spec/schemas/{schema['title']}.schema.json"
    rows = "".join(_rows(schema, "", schema["$defs"], codes))
    return (
        f"\n## `{schema['title']}`\n\n{schema['description']} [Schema]({path})\n\n"
        f"| field | form | required |\n| --- | --- | --- |\n{rows}"
    )


def _rows(
    node: Schema, path: str, definitions: dict[str, Schema], codes: dict[str, Schema]
) -> Iterator[str]:
    for name, given in node["properties"].items():
        one, many, label = _resolved(given, definitions)
        field = f"{path}{name}{'[]' if many else ''}"
        needed = "yes" if name in node.get("required", ()) else ""
        if "properties" in one:
            yield f"| `{field}` | {'list of objects' if many else 'object'} | {needed} |\n"
            yield from _rows(one, f"{field}.", definitions, codes)
            continue
        if "enum" in one and label:
            codes[label] = one
        form = _form(one, label)
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


def _form(one: Schema, label: str) -> str:
    values = one.get("enum") or ([one["const"]] if "const" in one else [])
    if values:
        shown = ", ".join(f"`{value}`" for value in values)
        return f"code of [`{label}`](#{label})" if label else shown
    if one["type"] == "integer":
        return f"whole number, {one['minimum']} to {one['maximum']}"
    named = {"boolean": "true or false"}.get(one["type"]) or KINDS.get(one.get("format", ""))
    return named or _text(one)


def _text(one: Schema) -> str:
    pattern = one.get("pattern", "")
    name = FORMS.get(pattern, f"text of the form `{pattern}`".replace("|", "\\|"))
    most = f", at most {one['maxLength']} characters" if "maxLength" in one else ""
    return name + most


if __name__ == "__main__":
    PAGE.write_text(page())
