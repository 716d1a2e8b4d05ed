"""Every command of the program, as its own parser knows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import typer

from adapters.main import app

VALUES: Mapping[str, str] = {
    "TYPE": "referral.made",
    "TIME": "2026-01-01T00:00:00Z",
    "TEXT": "lost",
    "CODE[: WORDS]": "case_work",
    "FIELD": "victim.name",
    "OWN": "A",
    "SAMPLE": "sample.csv",
    "SHARED": "b",
    "TABLE": "council.code",
    "SCOPE": "read",
    "DIALECT": "postgresql",
    "SENDER": "cps-london",
    "QUARTER": "2026-Q3",
    "DIMENSION[,DIMENSION]": "borough",
    "SERVICE": "emotional-support",
    "STATE": "waitlist",
    "AGENCY": "cps-london",
    "TOPIC": "pan-london.london-hate-crime.a",
    "PARTITION": "0",
    "ID": "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38",
    "ID...": "1",
    "ITEM": "row-1",
    "CHANNEL": "telephone",
    "EVENT": "event-1",
    "EVENT_ID": "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38",
    "FILE...": "deputy.officer",
    "VERSION": "1",
    "FILE|FOLDER...": "x.bundle",
    "NAME": "A. Okafor",
    "PERSON": "rosa",
    "WORDS": "zoo " * 12,
    "HOST": "kafka.example.org",
}
"""A value for each required parameter, by its metavar."""

MORE: Mapping[str, Sequence[str]] = {
    "contract leave": ("--reason", "dispute", "--yes"),
    "contract resume": ("--reason", "resolved"),
    "contract suspend": ("--reason", "dpia_review"),
    "event evidence": ("7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38",),
    "keys passphrase": ("--new-file", "FILE"),
    "keys revoke": ("a" * 64,),
    "quarantine discard": ("1",),
    "web sessions end": ("--all",),
    "quarantine retry": ("1",),
    "tail": ("--for", "0"),
    "top": ("--once",),
}
"""Words of commands that need one of several; FILE stands for a file."""

FOLDERS = ("--agency", "--root", "--agency-root")


@dataclass(frozen=True)
class Command:
    """One command that can be given.

    Attributes:
        name: as it is written.
        parameters: what it takes.
    """

    name: str
    parameters: tuple[Any, ...]

    @property
    def folder_option(self) -> str | None:
        """The option that names an agency's folder, or the folder of all of them."""
        for parameter in self.parameters:
            for option in parameter.opts:
                if option in FOLDERS:
                    return str(option)
        return None

    def words(self, folder: object, file: object) -> list[str]:
        """A whole command line: the folder, and a value for whatever else is required."""
        words = self.name.split()
        option = self.folder_option
        for parameter in self.parameters:
            if option in parameter.opts:
                words += [option, str(folder)]
            elif parameter.required:
                paths = {"FILE": str(file), "DIR": f"{file}.folder"}
                value = paths.get(parameter.metavar) or VALUES[parameter.metavar]
                named = parameter.param_type_name == "option"
                words += [parameter.opts[0], value] if named else [value]
        return words + [str(file) if word == "FILE" else word for word in MORE.get(self.name, ())]


def every_command() -> list[Command]:
    """All commands, in the order of the help."""
    return list(_commands(typer.main.get_command(app), ()))


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[Command]:
    below = getattr(command, "commands", None)
    if not below or command.invoke_without_command:
        yield Command(" ".join(path), tuple(command.params))
    for name, one in (below or {}).items():
        yield from _commands(one, (*path, name))
