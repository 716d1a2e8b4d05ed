"""Run of the demo: its folder, its cleanup, and the final messages."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from adapters.demo.pages import serve_pages
from adapters.demo.programme import Programme
from adapters.demo.report import Result, leave, try_next
from adapters.demo.screen import Screen
from adapters.demo.stage import Stage
from broker.errors import ConfigError

INTERRUPTED: Final = 130


def play(
    cases: int, keep: Path | None, json_file: Path | None, address: str | None, *, web: bool
) -> int:
    """Run the demo.

    Args:
        cases: number of cases besides the story's.
        keep: the folder to leave; a new temporary one if None.
        json_file: a second file for figures and refusals.
        address: ``host:port`` of a Kafka that is already running.
        web: keep everything running afterwards, and serve the pages of each agency.

    Returns:
        The exit code: 0, 1 if an expectation did not hold, 130 after Ctrl-C.

    Raises:
        ConcordantError: the environment is at fault.
    """
    if address is not None and keep is None:
        raise ConfigError(
            "An existing Kafka was given without its partnership.",
            code="partnership_missing",
            where="--kafka",
            fix="concordant quickstart DIR; start that Kafka with the files of DIR/kafka; then: "
            "concordant demo --keep DIR --kafka HOST:PORT",
        )
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise ConfigError(
            "The folder for the figures does not exist.",
            code="output_unwritable",
            where=str(json_file),
            fix="Give a file in a folder that exists.",
        )
    screen = Screen()
    root = keep or Path(tempfile.mkdtemp(prefix="concordant-demo-"))
    signal.signal(signal.SIGTERM, _interrupted)
    screen.line(f"Everything of this run is in {root.absolute()}")
    try:
        with Stage(root, address, screen.progress) as stage:
            programme = Programme(stage, screen, cases, goes_on=web)
            result = programme.play()
            leave(result, json_file)
            if web:
                _conclude(screen, result)
                programme.open_desk()
                serve_pages(stage, screen)
            with screen.doing("stopping"):
                stage.stop_adapters()
    except KeyboardInterrupt:
        screen.line("Interrupted; no process is left behind. The folder stays.")
        return INTERRUPTED
    if not web:
        if result.case_id:
            try_next(screen, result, ours=address is None)
        _conclude(screen, result)
    return 0 if result.met else 1


def _conclude(screen: Screen, result: Result) -> None:
    """Say what did not hold, and how many expectations held."""
    for what, met in result.expectations:
        if not met:
            screen.say(f"did not hold: {what}", "✗")
    screen.line()
    screen.say(
        f"Done: {sum(met for _, met in result.expectations)} of "
        f"{len(result.expectations)} expectations held.",
        "✓" if result.met else "✗",
    )


def _interrupted(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
