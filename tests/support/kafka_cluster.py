"""A real Kafka of three nodes on this machine: each is broker and controller, with TLS.

Its settings are those of `LocalKafka`. As `docs/guides/hosting-kafka.md` asks of a real service,
each topic has three copies, and two of them must have a record before it is acknowledged.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from broker.transport import guard
from broker.transport.certificates import OPERATOR_NAME
from broker.transport.connection import KafkaConnection, TlsFiles, admin_settings
from broker.transport.distribution import java_path, prepare_jars
from broker.transport.local_settings import (
    LOGGING,
    free_ports,
    java_options,
    new_cluster_id,
    server_properties,
)

NODES: Final = (1, 2, 3)
HOST: Final = "127.0.0.1"
HEAP: Final = "-Xmx256m"
ASK_S: Final = 5.0
STOP_S: Final = 20.0
REPLICATED: Final = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
}


class _Node:
    """One process of the cluster, and its folder."""

    def __init__(self, number: int, folder: Path) -> None:
        self.number = number
        self.folder = folder
        self._guard: subprocess.Popen[bytes] | None = None
        self._java = 0

    @property
    def running(self) -> bool:
        return self._guard is not None and self._guard.poll() is None

    def format(self, jars: Path, cluster_id: str) -> None:
        """Prepare an empty data folder."""
        command = [*self._command(jars, "kafka.tools.StorageTool"), "format"]
        command += [f"--cluster-id={cluster_id}", "-c", str(self.folder / "server.properties")]
        subprocess.run(command, capture_output=True, check=True)

    def start(self, jars: Path) -> None:
        """Start the process; it may need some seconds until it answers."""
        command = [sys.executable, "-I", "-S", str(guard.__file__), str(os.getpid())]
        command += [*self._command(jars, "kafka.Kafka"), str(self.folder / "server.properties")]
        with (self.folder / "kafka.log").open("ab") as log:
            self._guard = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self._guard.stdout is not None
        self._java = int(self._guard.stdout.readline() or b"0")

    def end(self, number: signal.Signals) -> None:
        """Send a signal to the process, and return when it has ended."""
        ended, self._guard = self._guard, None
        if ended is None:
            return
        with suppress(ProcessLookupError):
            if self._java:
                os.kill(self._java, number)
        try:
            ended.wait(STOP_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.kill(self._java, signal.SIGKILL)
            ended.wait()
        for pipe in (ended.stdin, ended.stdout):
            if pipe is not None:
                pipe.close()

    def _command(self, jars: Path, main: str) -> list[str]:
        return [str(java_path()), *java_options(self.folder), HEAP, "-cp", f"{jars}/*", main]


class KafkaCluster:
    """Three nodes at free ports.

    Args:
        folder: holds a folder for each node, and in `tls` the operator's certificate, which the
            nodes use too.

    Attributes:
        folder: as given.
        bootstrap: addresses of all nodes, separated by commas.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._tls = self.folder / "tls"
        ports = list(free_ports(2 * len(NODES)))
        self._clients = dict(zip(NODES, ports, strict=False))
        self._controllers = dict(zip(NODES, ports[len(NODES) :], strict=True))
        self._nodes = {number: _Node(number, self.folder / f"node-{number}") for number in NODES}
        self.bootstrap = ",".join(f"{HOST}:{port}" for port in self._clients.values())

    @property
    def connection(self) -> KafkaConnection:
        """Return the connection of the operator, who has all rights."""
        return KafkaConnection(self.bootstrap, TlsFiles.in_folder(self._tls), OPERATOR_NAME)

    def start(self) -> None:
        """Make the data folders, and start all nodes. `whole` says when they have met."""
        jars, cluster_id = prepare_jars(), new_cluster_id()
        for node in self._nodes.values():
            self._prepare(node)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda node: node.format(jars, cluster_id), self._nodes.values()))
        self.start_nodes(NODES)

    def start_nodes(self, numbers: Iterable[int]) -> None:
        """Start nodes that do not run. `whole` says when they have caught up."""
        jars = prepare_jars()
        for number in numbers:
            self._nodes[number].start(jars)

    def kill(self, *numbers: int) -> None:
        """End nodes as a power cut would; they keep their disks."""
        for number in numbers:
            self._nodes[number].end(signal.SIGKILL)

    def stop(self) -> None:
        """End all nodes that run. Their data is not needed any more."""
        self.kill(*NODES)

    def whole(self) -> bool:
        """Return whether all nodes run, and each partition has three copies that are in sync."""
        admin = AdminClient(admin_settings(self.connection))
        try:
            listed = admin.list_topics(timeout=ASK_S)
        except KafkaException:
            return False
        copies = [
            len(partition.isrs)
            for topic in listed.topics.values()
            for partition in topic.partitions.values()
        ]
        return len(listed.brokers) == len(NODES) and all(number == len(NODES) for number in copies)

    def _prepare(self, node: _Node) -> None:
        (node.folder / "tmp").mkdir(parents=True)
        (node.folder / "tls").mkdir(mode=0o700)
        store = b"".join(
            (self._tls / name).read_bytes() for name in ("key.pem", "cert.pem", "ca.pem")
        )
        (node.folder / "tls" / "keystore.pem").write_bytes(store)
        (node.folder / "tls" / "ca.pem").write_bytes((self._tls / "ca.pem").read_bytes())
        (node.folder / "log4j2.xml").write_text(LOGGING)
        voters = ",".join(f"{one}@{HOST}:{port}" for one, port in self._controllers.items())
        own = {"node.id": str(node.number), "controller.quorum.voters": voters, **REPLICATED}
        text = server_properties(
            node.folder,
            host=HOST,
            port=self._clients[node.number],
            controller_port=self._controllers[node.number],
        )
        # of two lines for one setting, Java takes the last
        text += "".join(f"{key}={value}\n" for key, value in own.items())
        (node.folder / "server.properties").write_text(text)
