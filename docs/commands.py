"""Write docs/commands.md from the program's own parser: python docs/commands.py."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from typer.main import get_command

from adapters.main import app

PAGE = Path(__file__).with_name("commands.md")

HEAD = """\
# Commands

All commands of `concordant`, with their options. Made from the program by `docs/commands.py`.

Every command has `--help`. Exit codes are the same everywhere:

| code | meaning |
| --- | --- |
| 0 | done |
| 1 | the answer is no |
| 2 | the command was used wrongly |
| 3 | the environment is at fault: a file, Kafka, a missing program |
| 4 | part of the input was refused |

Each message ends with a code. [Reason codes](codes.md) says what each code means and what to do.
"""


CODE = re.compile(r"(?<![\w`-])(--[a-z][a-z-]*(?: [A-Z]{2,}\b)?|\{[^}]*\})")
"""An option with its value, or JSON, in the text of a help page."""


def page() -> str:
    """The whole page."""
    root: Any = get_command(app)
    return HEAD + "".join(_sections(root, ()))


def _sections(command: Any, path: tuple[str, ...]) -> Iterator[str]:
    below = getattr(command, "commands", {})
    if path:
        title = f"{'#' * (len(path) + 1)} `concordant {' '.join(path)}`"
        usage = "" if below and not command.invoke_without_command else _usage(command, path)
        yield f"\n{title}\n\n{_paragraphs(command.help or '')}{usage}"
    for name, one in below.items():
        if not one.hidden:
            yield from _sections(one, (*path, name))


def _paragraphs(text: str) -> str:
    whole = [" ".join(part.split()) for part in text.split("\n\n")]
    return "\n\n".join(map(_markup, whole)) + "\n"


def _usage(command: Any, path: tuple[str, ...]) -> str:
    shown = [parameter for parameter in command.params if not parameter.hidden]
    needed = [
        f"{parameter.opts[0]} {parameter.metavar}"
        if parameter.param_type_name == "option"
        else parameter.metavar
        for parameter in shown
        if parameter.required or parameter.param_type_name == "argument"
    ]
    rest = ["[OPTIONS]"] if any(not parameter.required for parameter in shown) else []
    line = " ".join(["concordant", *path, *needed, *rest])
    rows = "".join(
        f"| {_name(parameter)} | {_cell(parameter.help or '')}{_default(parameter)} |\n"
        for parameter in shown
    )
    table = f"\n| argument or option | meaning |\n| --- | --- |\n{rows}" if rows else ""
    return f"\n```text\n{line}\n```\n{table}"


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar}`"
    names = ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))
    return names if parameter.is_flag or not parameter.metavar else f"{names} `{parameter.metavar}`"


def _default(parameter: Any) -> str:
    default = parameter.default
    if parameter.required or getattr(parameter, "is_flag", False):
        return " Required." if parameter.required else ""
    plain = isinstance(default, str | int | float) and default != ""
    return f" Default: `{default}`." if plain else ""


def _cell(text: str) -> str:
    return _markup(" ".join(text.split())).replace("|", "\\|")


def _markup(text: str) -> str:
    """Text of a terminal as Markdown: options and JSON become code, other signs stay themselves."""
    parts = re.split(r"(`[^`]*`)", text)
    for place in range(0, len(parts), 2):
        plain = CODE.sub(r"`\1`", parts[place])
        parts[place] = plain.replace("<", "&lt;").replace("*", "\\*")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
