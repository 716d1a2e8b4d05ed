"""Result files: bench/out/NAME.jsonl, one object a line; the docs are made from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

OUT: Final = Path(__file__).parent / "out"


def save(name: str, rows: Iterable[Mapping[str, object]]) -> None:
    """Write ``name``.jsonl."""
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def load(name: str) -> list[dict[str, Any]]:
    """Read ``name``.jsonl; nothing if that part did not run."""
    path = OUT / f"{name}.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def show(rows: Iterable[Mapping[str, object]]) -> None:
    """Print rows as a table."""
    before: tuple[str, ...] = ()
    for row in rows:
        if (names := tuple(row)) != before:
            print("\n" + "".join(f"{name:>18}" for name in names))
            before = names
        print("".join(f"{value!s:>18}" for value in row.values()), flush=True)
