"""Local Kafka on this machine: KRaft, TLS 1.3 with client certificates, deny by default.

It is one process with one folder, for the demo, the tests and for trials; the host of a partnership
configures its Kafka in the same way. The process ends with the process that started it
(`guard.py`), unless it was started detached. After a stop and a start in its folder, it has the
same address and the same records.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path

from broker.errors import TransportError
from broker.keys.durable import make_private_folder
from broker.transport.certificates import (
    OPERATOR_NAME,
    Authority,
    issue_ca,
    issue_certificate,
    save_identity,
)
from broker.transport.connection import KafkaConnection, TlsFiles, ssl_context
from broker.transport.distribution import java_path, prepare_jars
from broker.transport.local_settings import (
    LOGGING,
    SaslListener,
    free_ports,
    java_options,
    new_cluster_id,
    server_properties,
)

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 20.0
HOST = "127.0.0.1"


class Phase(StrEnum):
    """Phase of a start."""

    JARS = "resolving jars"
    FORMAT = "formatting"
    START = "starting"
    READY = "ready"


Progress = Callable[[Phase, str], None]


def _silent(_phase: Phase, _detail: str) -> None:
    pass


class LocalKafka:
    """A local Kafka and its folder.

    Attributes:
        folder: holds its data, log, TLS files and, if detached, the process id.
        port: port for clients; 0 until the first start if the caller gave none.
    """

    def __init__(
        self,
        folder: Path,
        authority: Authority | None = None,
        *,
        port: int = 0,
        progress: Progress = _silent,
        detached: bool = False,
        sasl: Sequence[SaslListener] = (),
    ) -> None:
        """Store the settings; `start` starts the process.

        Args:
            folder: created if absent; files of an earlier start are used again.
            authority: issues Kafka's certificate and must be the one of its clients; None makes one
                and keeps it in the folder.
            port: port to listen on; 0 takes a free one, and later starts use the same.
            progress: called with each phase and a few words.
            detached: the process continues when this one ends, until `stop_detached`.
            sasl: more listeners, at free ports.
        """
        self._sasl = dict.fromkeys(sasl, 0)
        self.folder = folder.absolute()
        self.port = port
        self._fixed_port = port != 0
        self._authority = authority
        self._progress = progress
        self._detached = detached
        self._process: subprocess.Popen[bytes] | None = None
        self._java: int | None = None

    @property
    def connection(self) -> KafkaConnection:
        """Return the connection of the operator, who has all rights."""
        return KafkaConnection(
            f"{HOST}:{self.port}", TlsFiles.in_folder(self.folder / "tls"), OPERATOR_NAME
        )

    @property
    def bootstrap(self) -> str:
        """Return `host:port` for clients."""
        return self.connection.bootstrap

    def sasl_bootstrap(self, name: str) -> str:
        """Return `host:port` of a SASL listener, once Kafka has been started."""
        (port,) = (port for listener, port in self._sasl.items() if listener.name == name)
        return f"{HOST}:{port}"

    @property
    def running(self) -> bool:
        """Return whether the process that this object started is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Return the process id of Java while this object's Kafka runs, else None."""
        return self._java if self.running else None

    def start(self) -> None:
        """Start Kafka and return when it answers.

        Raises:
            TransportError: `kafka_distribution` (jars or Java are not available) or
                `kafka_start_failed`.
        """
        if self.running or (self._detached and find_detached(self.folder)):
            raise TransportError(
                "this Kafka is already running", code="kafka_start_failed", where=str(self.folder)
            )
        self._progress(Phase.JARS, "checking the jars against their SHA-256 sums")
        jars = prepare_jars(lambda detail: self._progress(Phase.JARS, detail))
        self._prepare_folder()
        for attempt in range(3):
            self._choose_ports(fresh=attempt > 0)
            if not (self.folder / "data" / "meta.properties").exists():
                self._progress(Phase.FORMAT, "an empty data folder")
                self._format(jars)
            self._progress(Phase.START, f"listening on {self.bootstrap}")
            self._launch(jars)
            if self._wait_until_ready(may_move=not self._fixed_port and attempt < 2):
                break
        self._progress(Phase.READY, self.bootstrap)

    def stop(self) -> None:
        """Stop Kafka in an orderly way; do nothing if it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._kill_java()
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        (self.folder / "kafka.pid").unlink(missing_ok=True)

    def kill(self) -> None:
        """End Kafka as a power cut would; `start` restores it with every acknowledged record."""
        self._kill_java()
        self.stop()

    def __enter__(self) -> LocalKafka:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _prepare_folder(self) -> None:
        make_private_folder(self.folder)
        make_private_folder(self.folder / "tmp")
        tls = self.folder / "tls"
        if not (tls / "key.pem").exists():
            authority = self._authority or issue_ca("local-kafka")
            if self._authority is None:
                save_identity(
                    self.folder / "authority",
                    ca=authority.certificate,
                    certificate=authority.certificate,
                    key=authority.key,
                )
            certificate, key = issue_certificate(authority, OPERATOR_NAME, ["localhost", HOST])
            save_identity(tls, ca=authority.certificate, certificate=certificate, key=key)
        store = b"".join((tls / name).read_bytes() for name in ("key.pem", "cert.pem", "ca.pem"))
        _write_private(tls / "keystore.pem", store)
        (self.folder / "log4j2.xml").write_text(LOGGING)

    def _choose_ports(self, *, fresh: bool) -> None:
        saved = self.folder / "ports.json"
        controller = 0
        if saved.exists() and not fresh:
            ports = json.loads(saved.read_text())
            controller = ports["controller"]
            self.port = self.port or ports["clients"]
            held = ports.get("sasl", {})
            self._sasl = {one: held.get(one.name, 0) for one in self._sasl}
        else:
            self.port = self.port if self._fixed_port else 0
            self._sasl = dict.fromkeys(self._sasl, 0)
        free = free_ports(2 + len(self._sasl))
        self.port = self.port or next(free)
        controller = controller or next(free)
        self._sasl = {one: port or next(free) for one, port in self._sasl.items()}
        named = {one.name: port for one, port in self._sasl.items()}
        saved.write_text(
            json.dumps({"clients": self.port, "controller": controller, "sasl": named})
        )
        (self.folder / "server.properties").write_text(
            server_properties(
                self.folder,
                host=HOST,
                port=self.port,
                controller_port=controller,
                sasl=self._sasl,
            )
        )

    def _format(self, jars: Path) -> None:
        command = self._command(jars, "kafka.tools.StorageTool")
        # as one argument: an id may begin with a hyphen
        command += ["format", f"--cluster-id={new_cluster_id()}"]
        command += ["-c", str(self.folder / "server.properties")]
        done = subprocess.run(command, capture_output=True, check=False, timeout=START_TIMEOUT_S)  # noqa: S603  # our own command
        if done.returncode:
            (self.folder / "kafka.log").write_bytes(done.stdout + done.stderr)
            raise self._failed("the data folder could not be formatted")

    def _command(self, jars: Path, main: str) -> list[str]:
        options = [*java_options(self.folder), *(o for one in self._sasl for o in one.java_options)]
        return [str(java_path()), *options, "-cp", f"{jars}/*", main]

    def _launch(self, jars: Path) -> None:
        command = [*self._command(jars, "kafka.Kafka"), str(self.folder / "server.properties")]
        if not self._detached:
            guard = str(Path(__file__).with_name("guard.py"))
            command = [sys.executable, "-I", "-S", guard, str(os.getpid()), *command]
        with (self.folder / "kafka.log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own command
                command,
                stdin=subprocess.DEVNULL if self._detached else subprocess.PIPE,
                stdout=log if self._detached else subprocess.PIPE,
                stderr=log,
                cwd=self.folder,
                # Ctrl-C reaches only our process, which stops Kafka when it is done
                start_new_session=True,
            )
        if self._process.stdout is None:
            self._java = self._process.pid
            identity = {"pid": self._java, "started": _started(self._java), "port": self.port}
            (self.folder / "kafka.pid").write_text(json.dumps(identity))
        else:
            self._java = int(self._process.stdout.readline() or b"0") or None

    def _wait_until_ready(self, *, may_move: bool) -> bool:
        context = ssl_context(self.connection.tls)
        deadline = time.monotonic() + START_TIMEOUT_S
        try:
            while time.monotonic() < deadline:
                if not self.running:
                    self.stop()
                    if may_move and "Address already in use" in self._log_tail():
                        return False
                    raise self._failed("it ended while starting")
                if _answers(context, self.port):
                    return True
                time.sleep(0.05)
            raise self._failed(f"it did not answer within {START_TIMEOUT_S:.0f} s")
        except BaseException:
            self.stop()
            raise

    def _failed(self, detail: str) -> TransportError:
        lines = [
            line for line in self._log_tail().splitlines() if "ERROR" in line or "rror:" in line
        ]
        return TransportError(
            f"the local Kafka could not be started: {detail}" + (f" ({lines[0]})" if lines else ""),
            code="kafka_start_failed",
            where=str(self.folder / "kafka.log"),
            fix="Read the log; another process may use the port, or the folder holds data of "
            "another cluster.",
        )

    def _log_tail(self) -> str:
        try:
            return (self.folder / "kafka.log").read_bytes()[-20_000:].decode(errors="replace")
        except OSError:
            return ""

    def _kill_java(self) -> None:
        if self._java and self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._java, signal.SIGKILL)


def find_detached(folder: Path) -> KafkaConnection | None:
    """Return the connection to the detached Kafka of a folder, None if none runs there."""
    found = _detached(folder)
    if found is None:
        return None
    tls = TlsFiles.in_folder(folder.absolute() / "tls")
    return KafkaConnection(f"{HOST}:{found[1]}", tls, OPERATOR_NAME)


def stop_detached(folder: Path) -> bool:
    """Stop the detached Kafka of a folder and return when it has ended.

    Returns:
        False if none ran there. A reused process id that belongs to another process is left
        alone.
    """
    found = _detached(folder)
    (folder / "kafka.pid").unlink(missing_ok=True)
    if found is None:
        return False
    pid = found[0]
    mark = _started(pid)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while mark and _started(pid) == mark:
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            break
        time.sleep(0.05)
    return True


def _detached(folder: Path) -> tuple[int, int] | None:
    try:
        noted = json.loads((folder / "kafka.pid").read_text())
        pid, port, started = int(noted["pid"]), int(noted["port"]), str(noted["started"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (pid, port) if started and _started(pid) == started else None


def _started(pid: int) -> str:
    """Return a mark of a live process's start, to detect a reused process id; else empty."""
    try:
        rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""
        command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
        shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()  # noqa: S603  # fixed command
        return " ".join(shown[1:]) if shown and not shown[0].startswith("Z") else ""
    return rest[19] if rest[0] != "Z" else ""


def _answers(context: ssl.SSLContext, port: int) -> bool:
    """Return whether Kafka's client port completes a TLS handshake and then answers a request.

    The request is ApiVersions 0 in 14 bytes; Kafka answers it only when it processes requests.
    """
    request = bytes.fromhex("0000000a 0012 0000 00000001 ffff".replace(" ", ""))
    try:
        with (
            socket.create_connection((HOST, port), 2) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as tls,
        ):
            tls.sendall(request)
            return len(tls.recv(8)) > 0
    except OSError:
        return False


def _write_private(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, 0o600)
        file.write(content)
