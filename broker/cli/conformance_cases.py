"""The test vectors' cases: read, run against an implementation, compared (tests/vectors/README).

An implementation is a function from a case to the answers; this reader is one, a command that
speaks the JSON Lines of `event open` is another.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from broker.cli.conformance_setting import load_setting
from broker.cli.reading import open_line
from broker.errors import ConfigError
from broker.keys.keyfile import Instant

CASE_SECONDS: Final = 60
"""Longest time for one case before the command counts as wrong."""
_SHOWN: Final = 300


class _Case(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    about: str
    spec: str
    setting: str
    agency: str
    now: Instant
    records: tuple[str, ...] = Field(strict=False)
    expect: tuple[dict[str, Any], ...] = Field(strict=False)


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    Attributes:
        name: of its file, without the end.
        folder: of its setting.
        agency: who reads.
        now: the reader's clock, ms.
        time: the same as it is written in the case.
        records: lines, in order.
        expect: one answer for each of them.
    """

    name: str
    folder: Path
    agency: str
    now: int
    time: str
    records: tuple[str, ...]
    expect: tuple[Mapping[str, object], ...]


Implementation: TypeAlias = Callable[[Case], "list[object]"]


class AnswerError(Exception):
    """An implementation gave no answers; the text says why, in a few words."""


class UnknownCaseError(Exception):
    """A name is no case's; the text is the name."""


def load_cases(vectors: Path, names: Sequence[str]) -> list[Case]:
    """The cases of a folder, all of them or those named, in order of their names.

    Raises:
        ConfigError: `vectors_missing`, `vectors_invalid`.
        UnknownCaseError: a name is no case's.
    """
    paths = {path.stem: path for path in (vectors / "cases").glob("*.json")}
    if not paths:
        raise ConfigError(
            "There are no test vectors here.",
            code="vectors_missing",
            where=str(vectors),
            fix="name the folder tests/vectors of a source tree with --vectors",
        )
    for name in names:
        if name not in paths:
            raise UnknownCaseError(name)
    return [_load_case(vectors, paths[name]) for name in sorted(set(names) or paths)]


def _load_case(vectors: Path, path: Path) -> Case:
    try:
        content = orjson.loads(path.read_bytes())
        case = _Case.model_validate(content)
    except (OSError, ValueError, ValidationError):
        case = None
    if case is None or len(case.records) != len(case.expect):
        raise ConfigError(
            "A case of the vectors is damaged.",
            code="vectors_invalid",
            where=f"cases/{path.name}",
            fix="restore the folder of vectors, or make it again with its generate.py",
        )
    return Case(
        path.stem,
        vectors / "settings" / case.setting,
        case.agency,
        case.now,
        content["now"],
        case.records,
        case.expect,
    )


def fault(case: Case, implementation: Implementation) -> str | None:
    """What is wrong with an implementation's answers to a case, in one line; None if nothing."""
    try:
        answers = implementation(case)
    except AnswerError as error:
        return f"{case.name}: {error}"
    for number, (expected, found) in enumerate(zip(case.expect, answers, strict=False), 1):
        if _text(expected) != _text(found):
            return f"{case.name}: record {number}: expected {_shown(expected)}, got {_shown(found)}"
    if len(answers) != len(case.expect):
        return f"{case.name}: expected {len(case.expect)} answers, got {len(answers)}"
    return None


def _text(answer: object) -> bytes:
    """One text for equal JSON: true is not 1, and the order of members does not count."""
    return orjson.dumps(answer, option=orjson.OPT_SORT_KEYS)


def _shown(answer: object) -> str:
    text = _text(answer).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


# --- implementations ------------------------------------------------------------------------------

_loaded = cache(load_setting)


def this_reader(case: Case) -> list[object]:
    """The reader of this package, in this process."""
    view = _loaded(case.folder, case.agency).view(case.now)
    return [open_line(line.encode(), view, case.now)[0] for line in case.records]


def command_reader(command: str) -> Implementation:
    """A command, started for each case: records in, answers out.

    Args:
        command: with `{setting}`, `{agency}` and `{now}`; split as a shell would, and run without.

    Raises:
        ConfigError: `command_invalid`: it cannot be split, or has no words.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if not words:
        raise ConfigError("The command cannot be read.", code="command_invalid", where=command)

    def run(case: Case) -> list[object]:
        values = {"{setting}": str(case.folder), "{agency}": case.agency, "{now}": case.time}
        started = [_filled(word, values) for word in words]
        try:
            ended = subprocess.run(  # noqa: S603 - the operator's own command, without a shell
                started,
                input="".join(f"{line}\n" for line in case.records).encode(),
                stdout=subprocess.PIPE,
                timeout=CASE_SECONDS,
                check=False,  # as `event open`, it may say 4 when it refused
            )
        except OSError as error:
            raise ConfigError(
                f"The command cannot be started ({error.strerror}).",
                code="command_not_started",
                where=words[0],
            ) from None
        except subprocess.TimeoutExpired:
            raise AnswerError(f"no answer within {CASE_SECONDS} seconds") from None
        return _answers(ended.stdout, ended.returncode)

    return run


def _filled(word: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(name, value)
    return word


def _answers(output: bytes, code: int) -> list[object]:
    lines = output.splitlines()
    if not lines:
        raise AnswerError(f"no answers, and the command ended with {code}")
    answers: list[object] = []
    for number, line in enumerate(lines, 1):
        try:
            answers.append(orjson.loads(line))
        except ValueError:
            raise AnswerError(f"answer {number} is not JSON") from None
    return answers
