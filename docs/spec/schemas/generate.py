"""Writes the JSON Schema of each event type beside this file (docs/spec/contracts.md, "Schemas").

The schemas are those of the shipped vocabulary of hate crime. They are read by people and by other
implementations; ours checks the same forms with pydantic. tests/unit/docs/test_schemas.py compares
the files. Run it with the project installed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from contracts.vocabulary.json_schema import json_schema
from contracts.vocabulary.known import named_vocabulary

FOLDER = Path(__file__).parent


def text_of(event_type: str) -> str:
    """Return the one text of a schema file."""
    schema = json_schema(named_vocabulary("hate-crime").form, event_type)
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def files() -> Mapping[str, str]:
    """Return file name to text, for every event type."""
    types = named_vocabulary("hate-crime").event_types
    return {f"{name}.schema.json": text_of(name) for name in types}


def main() -> None:
    """Write the files."""
    for name, text in files().items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
