"""Steps of an agency under a numeric user id of its own, which cannot read the others' folders.

A step is a forked process without the rights of root. The interpreter's own files may lie where
only root can read them, so every module is loaded before the first fork.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import pkgutil
import signal
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.support.command_line import Done, run

_FORK = multiprocessing.get_context("fork")
_WITH_EFFECTS = frozenset(
    {"antigravity", "this", "idlelib", "tkinter", "turtle", "turtledemo", "lib2to3", "test"}
    | {"winreg", "winsound", "msvcrt", "ensurepip", "__main__", "pydoc_data", "_tkinter"}
)


def load_everything() -> None:
    """Import the program, the standard library and all encodings."""
    import adapters  # only a run as root needs them all
    import broker
    import contracts

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in sorted(sys.stdlib_module_names - _WITH_EFFECTS):
            with suppress(Exception):
                importlib.import_module(name)
    import encodings

    for package in (encodings, importlib, multiprocessing, contracts, broker, adapters):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                with suppress(Exception):
                    importlib.import_module(module.name)
    import asyncio.sslproto  # noqa: F401
    import concurrent.futures.thread  # noqa: F401


def drop_rights(uid: int, home: Path) -> None:
    """Become a user that is no other; for ever."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    os.umask(0o077)
    os.chdir(home)
    os.environ["HOME"] = str(home)


def _child(uid: int, home: Path, act: Callable[[], Any], pipe: Connection) -> None:
    drop_rights(uid, home)
    try:
        pipe.send((True, act()))
    except BaseException as error:  # noqa: BLE001  # the parent raises it
        pipe.send((False, repr(error)))
    finally:
        pipe.close()
        sys.stdout.flush()
        os._exit(0)


@dataclass
class User:
    """One agency's user, its home, and its adapter while that runs."""

    agency: str
    uid: int
    home: Path
    adapter: BaseProcess | None = field(default=None, repr=False)

    def own(self, path: Path) -> Path:
        """Give a file or folder to this user alone."""
        os.chown(path, self.uid, self.uid)
        path.chmod(0o700 if path.is_dir() else 0o600)
        return path

    def start(self, act: Callable[[], Any]) -> tuple[BaseProcess, Connection]:
        """Begin a step."""
        ours, theirs = _FORK.Pipe(duplex=False)
        process = _FORK.Process(target=_child, args=(self.uid, self.home, act, theirs))
        process.start()
        theirs.close()
        return process, ours

    def do(self, act: Callable[[], Any]) -> Any:
        """Do a step, and return what it returned."""
        return finish(*self.start(act))

    def concordant(self, *arguments: object, code: int | None = 0, stdin: bytes = b"") -> Done:
        """Run one command as this user in its home."""
        done: Done = self.do(lambda: run(*arguments, stdin=stdin))
        assert code is None or done.code == code, (self.agency, arguments, done)
        return done

    def start_adapter(self) -> None:
        """Start its adapter."""
        (self.home / self.agency / "state" / "http-port").unlink(missing_ok=True)

        def act() -> None:
            log = (self.home / "adapter.log").open("ab", buffering=0)
            os.dup2(log.fileno(), 2)
            done = run("adapter", "run", "--agency", self.agency, "--settle", "0.3")
            log.write(done.err.encode())

        self.adapter, _ = self.start(act)

    def stop_adapter(self) -> None:
        """Stop its adapter in order."""
        if self.adapter is not None and self.adapter.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.adapter.pid, signal.SIGTERM)
            self.adapter.join(20)
            if self.adapter.is_alive():
                self.adapter.kill()
            self.adapter = None


def finish(process: BaseProcess, pipe: Connection) -> Any:
    """Wait for a step."""
    good, value = pipe.recv()
    process.join()
    assert good, value
    return value


def at_once(steps: Mapping[User, Callable[[], Any]] | list[tuple[User, Callable[[], Any]]]) -> None:
    """Do steps of several users at the same time."""
    pairs = steps.items() if isinstance(steps, Mapping) else steps
    started = [user.start(act) for user, act in pairs]
    for one in started:
        finish(*one)


def until(seen: Callable[[], bool], what: Callable[[], str], limit_s: float = 45.0) -> None:
    """Wait until something is seen."""
    end = time.monotonic() + limit_s
    while not seen():
        assert time.monotonic() < end, f"not within {limit_s} s: {what()}"
        time.sleep(0.1)
