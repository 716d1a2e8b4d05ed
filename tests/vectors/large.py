"""Large test vectors: made from large.json, which holds each as text and repetitions.

    python tests/vectors/large.py         write those that are missing or differ
    python tests/vectors/large.py --list  print their sums as `sha256sum --check` reads them

Most bytes of a file that tests a limit are padding. Such a file is not kept in the repository. This
program needs Python and nothing else, so that a second implementation can have the files too.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECIPES, IGNORED = "large.json", ".gitignore"
LARGE_BYTES = 100_000
"""A smaller file is kept as it is."""
_LONGEST_PERIOD, _SHORTEST_RUN = 16, 256
_RUN = re.compile(rb"(.{1,%d}?)\1{%d,}" % (_LONGEST_PERIOD, _SHORTEST_RUN), re.DOTALL)


class RecipeError(Exception):
    """large.json does not make what it says."""


def recipe(content: bytes) -> dict[str, object] | None:
    """Recipe for this content. None if it is small or has few repetitions."""
    if len(content) < LARGE_BYTES:
        return None
    parts: list[object] = []
    at = 0
    for run in _RUN.finditer(content):
        if run.start() > at:
            parts.append(content[at : run.start()].decode("utf-8"))
        parts.append([run[1].decode("utf-8"), len(run[0]) // len(run[1])])
        at = run.end()
    parts.append(content[at:].decode("utf-8"))
    text = sum(len(part) for part in parts if isinstance(part, str))
    if text * 4 > len(content):
        return None
    return {
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "parts": parts,
    }


def content_of(name: str, made_from: Mapping[str, object]) -> bytes:
    """The bytes of one file.

    Raises:
        RecipeError: their sum is another one.
    """
    parts = made_from["parts"]
    assert isinstance(parts, list)
    text = "".join(part if isinstance(part, str) else part[0] * part[1] for part in parts)
    content = text.encode()
    if hashlib.sha256(content).hexdigest() != made_from["sha256"]:
        raise RecipeError(f"{RECIPES} does not make {name} as its sum says: restore {RECIPES}")
    return content


def recipes(folder: Path) -> dict[str, dict[str, object]]:
    """By the name of the file below the folder."""
    held: dict[str, dict[str, object]] = json.loads((folder / RECIPES).read_text("utf-8"))["files"]
    return held


def make(folder: Path = HERE) -> Iterator[str]:
    """Write the files that are missing or differ; their names."""
    for name, made_from in recipes(folder).items():
        path = folder / name
        content = content_of(name, made_from)
        if path.is_file() and path.read_bytes() == content:
            continue
        whole = path.with_name(f".{path.name}.{os.getpid()}")  # several processes may do it at once
        whole.write_bytes(content)
        whole.replace(path)
        yield name


def store(folder: Path) -> None:
    """Write the recipes of the large files in a folder of vectors, and leave these files to git."""
    files = sorted(path for name in ("cases", "settings") for path in (folder / name).rglob("*.*"))
    held = {
        str(path.relative_to(folder)): made_from
        for path in files
        if (made_from := recipe(path.read_bytes()))
    }
    about = "Large test vectors: text, and [text, times]. large.py makes the files."
    text = json.dumps({"about": about, "files": held}, indent=1, ensure_ascii=False)
    (folder / RECIPES).write_text(f"{text}\n", "utf-8")
    lines = ["# Made by large.py from large.json.", *(f"/{name}" for name in held)]
    (folder / IGNORED).write_text("\n".join(lines) + "\n", "utf-8")


def main() -> int:
    """Make them, or print their sums; the exit code."""
    if sys.argv[1:] == ["--list"]:
        sys.stdout.writelines(f"{held['sha256']}  {name}\n" for name, held in recipes(HERE).items())
        return 0
    if sys.argv[1:]:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    try:
        sys.stdout.writelines(f"{name}\n" for name in make())
    except RecipeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
