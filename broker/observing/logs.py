"""Operational logs without personal data: an allow-list of keys and of forms of value.

A log line is `event` (a code such as `batch_published`) and keys of `KEYS`, each an integer, a
boolean or a short lower-case code. Any other value is dropped and counted, so a mistake loses a
value and never leaks one. An exception is logged as its type, code and place; its message only if
it is one of ours, whose details are impersonal by rule (`contracts.errors`). Lines of libraries
keep their logger, level and place and lose their text.

Warnings and errors are limited, because a remote party can cause any number of them: the first of
each kind is written at once, then one a minute with the number of those since (`records`).
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from pathlib import PurePath
from typing import Any, Final, TextIO, cast

import structlog

from broker.observing.alarm_limit import AlarmLimit
from contracts.errors import ConcordantError

_PLACE: Final = (
    "agency deployment adapter sender recipient peer cosigner part library process "
    "topic partition generation index size offset origin seq first last"
)
_WHAT: Final = (
    "type code step state status kind reason contract version event_id kid role algorithm ours "
    "theirs agreement period"
)
_AMOUNT: Final = (
    "count events records batches bytes sent received refused repeats delivered withheld fields "
    "filtered gaps pending unsent held attempts items files line limit notes receipts drafts"
)
_TIME: Final = "ms delay_ms lag_ms age_ms since_ms until_ms seconds days_left"

KEYS: Final = frozenset(f"{_PLACE} {_WHAT} {_AMOUNT} {_TIME} port exit_code".split())
"""Allowed keys.

No case or referral id, because a stable id is a pseudonym of a person. No file name, because
agencies put names of people into file names; the reason file beside a quarantined file names it.
"""

MAX_TEXT: Final = 120
"""Maximum length of a value in characters."""

_CODE: Final = re.compile(rf"[a-z0-9][a-z0-9_.:/\-]{{0,{MAX_TEXT - 1}}}")
_UNNAMED: Final = "unnamed"
_MAX_DETAIL: Final = 300
_MAX_INTEGER: Final = 2**63

Event = MutableMapping[str, Any]  # structlog's own type for a line


class AllowList:
    """Processor that drops values that are not allowed. `dropped` counts them since the start."""

    def __init__(self) -> None:
        self.dropped = 0

    def __call__(self, _logger: object, _method: str, line: Event) -> Event:
        """See the processors of structlog."""
        error = line.pop("exc_info", None)
        kept: dict[str, object] = {}
        event = line.pop("event", None)
        kept["event"] = event if _is_code(event) else _UNNAMED
        dropped = 0 if _is_code(event) else 1
        for key, value in line.items():
            if key in KEYS and _is_plain(value):
                kept[key] = value
            elif value is not None:
                dropped += 1
        if dropped:
            self.dropped += dropped
            kept["dropped"] = dropped
        return describe_error(_exception(error)) | kept  # a code given with the line has priority


class LineLimit:
    """Processor that limits warnings and errors (`AlarmLimit`).

    Lines are of one kind if these members are equal; numbers are ignored. Errors have a separate
    limit, so that a flood of warnings of many kinds hides no alarm.
    """

    MEMBERS: Final = (
        "part",
        "event",
        "code",
        "step",
        "status",
        "kind",
        "state",
        "reason",
        "role",
        "topic",
        "library",
        "process",
        "error",
        "at",
    )
    WHO: Final = ("agency", "sender", "recipient", "peer", "cosigner")

    def __init__(self, warnings: AlarmLimit, errors: AlarmLimit) -> None:
        self._warnings = warnings
        self._errors = errors

    def __call__(self, _logger: object, method: str, line: Event) -> Event:
        """See the processors of structlog."""
        if method not in _LIMITED:
            return line
        what = " ".join([method, *(f"{line.get(name, '')}" for name in self.MEMBERS)])
        who = " ".join(f"{line.get(name, '')}" for name in self.WHO)
        given = line.get("records")
        count = given if type(given) is int and given > 0 else 1
        limit = self._warnings if method in {"warning", "warn"} else self._errors
        told = limit.lines(what, who, count)
        if not told:
            raise structlog.DropEvent
        if told > 1 or given is not None:
            line["records"] = told if told > 1 else given
        return line


_LIMITED: Final = frozenset({"warning", "warn", "error", "critical", "exception", "fatal"})


def describe_error(error: BaseException | None) -> dict[str, object]:
    """Return type, code and place of an exception; its detail only if it is one of ours."""
    if error is None:
        return {}
    described: dict[str, object] = {"error": type(error).__name__}
    frames = traceback.extract_tb(error.__traceback__)
    if frames:
        described["at"] = f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}"
    if isinstance(error, ConcordantError):
        described["code"] = error.code
        described["detail"] = error.detail[:_MAX_DETAIL]
    return described


class _Library(logging.Handler):
    """Handler for lines of libraries: it keeps place and level, not the text."""

    def emit(self, record: logging.LogRecord) -> None:
        logger("library").log(
            record.levelno,
            "library_message",
            library=record.name.lower(),
            code=f"{record.module}:{record.lineno}".lower(),
            exc_info=record.exc_info[1] if record.exc_info else None,
        )


_allowed = AllowList()
_configured = False


def configure(
    level: str = "info", json: bool | None = None, *, stream: TextIO | None = None
) -> None:
    """Set up logging for this process; may be called again.

    Args:
        level: debug, info, warning, error or critical.
        json: one JSON object a line, or a line for people; by default JSON unless `stream` is a
            terminal.
        stream: standard error by default, because standard output is for data.
    """
    global _configured  # noqa: PLW0603 - structlog's configuration is the process's as well
    out = sys.stderr if stream is None else stream
    number = logging.getLevelNamesMapping()[level.upper()]
    as_json = not out.isatty() if json is None else json
    renderer: Any = (  # structlog types its renderers as processors of Any
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=out.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _allowed,
            LineLimit(AlarmLimit(), AlarmLimit()),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        # look standard error up at each line, because a caller that replaces it closes the old one
        logger_factory=structlog.WriteLoggerFactory(stream) if stream else _to_standard_error,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Library()]
    root.setLevel(max(number, logging.WARNING))
    _configured = True


def _to_standard_error(*_: object) -> structlog.WriteLogger:
    return structlog.WriteLogger(sys.stderr)


def logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of a part of the service, such as `relay`. Safe before `configure`."""
    if not _configured:
        configure("warning")  # structlog's default would print every value
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger(part=name))


def dropped_values() -> int:
    """Return how many values the allow-list dropped since the start; it should stay 0."""
    return _allowed.dropped


def _is_code(value: object) -> bool:
    return isinstance(value, str) and _CODE.fullmatch(value) is not None


def _is_plain(value: object) -> bool:
    if isinstance(value, int):  # booleans too
        return -_MAX_INTEGER < value < _MAX_INTEGER
    return _is_code(value)


def _exception(given: object) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple) and len(given) == 3 and isinstance(given[1], BaseException):
        return given[1]
    return sys.exc_info()[1] if given else None
