"""Cases of the test vectors: read, run against an implementation, compared (tests/vectors/README).

An implementation is a function from a case to the answers. This reader is one; a command that
speaks the JSON Lines of `event open` is another.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event, Timer
from typing import IO, Any, Final, TypeAlias

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from broker.errors import ConfigError, WrongInputError
from broker.judging.verification_cache import VerificationCache
from broker.keys.keyfile import Instant
from broker.operations.record_file import open_line
from broker.operations.vector_setting import SETTING_FILE, load_setting
from contracts.names import suggestion

CASE_SECONDS: Final = 60
"""Longest time for one case before the command counts as wrong."""
MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
"""Maximum output of one case in bytes: a command that never stops writing would exhaust memory."""
LARGE_FILES: Final = "large.json"
"""List from which the large files of the vectors are made (tests/vectors/README)."""
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
        name: file name without its ending.
        folder: folder of its setting.
        agency: the reader.
        now: the reader's clock, ms.
        time: the same as text in the case.
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
    """An implementation gave no answers; the text gives the reason in a few words."""


class UnknownCaseError(Exception):
    """A name is not the name of a case; the text is the name.

    Attributes:
        suggestion: the case that may be meant.
    """

    def __init__(self, name: str, suggestion: str) -> None:
        super().__init__(name)
        self.suggestion = suggestion


def load_cases(vectors: Path, names: Sequence[str]) -> list[Case]:
    """Return all or the named cases of a folder, in order of their names.

    Raises:
        ConfigError: `vectors_missing`, `vectors_invalid`.
        UnknownCaseError: a name is not the name of a case.
    """
    paths = {path.stem: path for path in (vectors / "cases").glob("*.json")}
    if not paths:
        raise ConfigError(
            "This folder holds no test vectors.",
            code="vectors_missing",
            where=str(vectors),
            fix="Name the folder tests/vectors of a source tree with --vectors.",
        )
    _require_large_files(vectors)
    for name in names:
        if name not in paths:
            raise UnknownCaseError(name, suggestion(name, paths))
    return [_load_case(vectors, paths[name]) for name in sorted(set(names) or paths)]


def _require_large_files(vectors: Path) -> None:
    """Check that the large files exist, because cases without them would be skipped silently.

    Raises:
        ConfigError: `vectors_missing`, `vectors_invalid`.
    """
    try:
        held = orjson.loads((vectors / LARGE_FILES).read_bytes())
        names = [str(name) for name in held["files"]]
    except FileNotFoundError:
        return
    except (OSError, ValueError, LookupError, TypeError):
        raise ConfigError(
            "The list of large test vectors is damaged.",
            code="vectors_invalid",
            where=str(vectors / LARGE_FILES),
            fix="Restore the folder of vectors.",
        ) from None
    missing = [name for name in names if not (vectors / name).is_file()]
    if missing:
        raise ConfigError(
            f"{len(missing)} large test vectors are not made yet.",
            code="vectors_missing",
            where=str(vectors / missing[0]),
            fix=f"Run: python {shlex.quote(str(vectors / 'large.py'))}",
        )


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
            fix="Restore the folder of vectors, or make it again with its generate.py.",
        )
    folder = vectors / "settings" / case.setting
    if not (folder / SETTING_FILE).is_file():  # this is no fault of an implementation
        raise ConfigError(
            "A setting of the vectors is missing.",
            code="vectors_invalid",
            where=f"settings/{case.setting}",
            fix="Restore the folder of vectors, or make it again with its generate.py.",
        )
    return Case(
        path.stem,
        folder,
        case.agency,
        case.now,
        content["now"],
        case.records,
        case.expect,
    )


def fault(case: Case, implementation: Implementation) -> str | None:
    """Return the fault in an implementation's answers to a case, in one line.

    None if there is none.
    """
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
    """Return one text for equal JSON: true is not 1, and the order of members does not count."""
    return orjson.dumps(answer, option=orjson.OPT_SORT_KEYS)


def _shown(answer: object) -> str:
    text = _text(answer).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


# --- implementations ------------------------------------------------------------------------------

_loaded = cache(load_setting)


def this_reader(case: Case) -> list[object]:
    """Return the answers of this package's reader, in this process."""
    context, cache = _loaded(case.folder, case.agency).context(case.now), VerificationCache()
    return [open_line(line.encode(), context, cache, case.now)[0] for line in case.records]


def command_reader(command: str) -> Implementation:
    """Return an implementation that starts a command for each case: records in, answers out.

    Args:
        command: with `{setting}`, `{agency}` and `{now}`; split as a shell would, and run without.

    Raises:
        WrongInputError: `command_invalid`: it cannot be split, or has no words.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if not words:
        raise WrongInputError(
            "The command cannot be read.",
            code="command_invalid",
            where=command,
            fix="Write it as for a shell: words, and closed quotation marks.",
        )

    def run(case: Case) -> list[object]:
        values = {"{setting}": str(case.folder), "{agency}": case.agency, "{now}": case.time}
        started = [_filled(word, values) for word in words]
        with TemporaryFile() as records:
            records.writelines(f"{line}\n".encode() for line in case.records)
            records.seek(0)
            with _started(started, records) as process:
                return _answers(_output(process), process.returncode)

    return run


def _started(words: Sequence[str], records: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - the operator's own command, without a shell
            words,
            stdin=records,
            stdout=subprocess.PIPE,
            start_new_session=True,  # so that its child processes can be ended with it
        )
    except OSError as error:
        raise ConfigError(
            f"The command cannot be started ({error.strerror}).",
            code="command_not_started",
            where=words[0],
            fix="Name a program that exists and may be run.",
        ) from None


def _output(process: subprocess.Popen[bytes]) -> bytes:
    """Return everything that it writes until it ends.

    Its exit code is ignored: 4 means refused lines.
    """
    late = Event()

    def stop() -> None:
        late.set()
        _end(process)

    timer = Timer(CASE_SECONDS, stop)
    timer.start()
    try:
        assert process.stdout is not None
        output = process.stdout.read(MAX_ANSWER_BYTES + 1)
        if len(output) <= MAX_ANSWER_BYTES:
            process.wait()
    finally:
        timer.cancel()
        _end(process)
    if late.is_set():
        raise AnswerError(f"no answer within {CASE_SECONDS} seconds")
    if len(output) > MAX_ANSWER_BYTES:
        raise AnswerError(f"more than {MAX_ANSWER_BYTES} bytes of answers")
    return output


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:  # not waited for yet, so its process id is still valid
        with suppress(ProcessLookupError, PermissionError):  # it has ended by itself
            os.killpg(process.pid, signal.SIGKILL)


def _filled(word: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(name, value)
    return word


def _answers(output: bytes, code: int) -> list[object]:
    lines = output.splitlines()
    if not lines:
        ended = f"ended with {code}" if code >= 0 else f"was killed by signal {-code}"
        raise AnswerError(f"no answers, and the command {ended}")
    answers: list[object] = []
    for number, line in enumerate(lines, 1):
        try:
            answer = orjson.loads(line)
            _text(answer)
        except ValueError:
            raise AnswerError(f"answer {number} is not JSON") from None
        except TypeError:  # the parser allows deeper nesting than the writer
            raise AnswerError(f"answer {number} is nested too deeply") from None
        answers.append(answer)
    return answers
