"""A real adapter without free file descriptors: it waits, loses nothing, and goes on."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.clock import now_ms

resource = pytest.importorskip("resource", reason="limits of a process are those of Unix")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="prlimit is of Linux"),
]

LIMIT = 256
WITHIN_S = 60


def until(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(port: int) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=10) as answer:
        return bytes(answer.read())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    # no Kafka answers there: that is waited for as well
    agencies = london_agencies()[:2]
    create_partnership(tmp_path / "p", now_ms(), agencies=agencies, bootstrap="127.0.0.1:1")
    return tmp_path / "p" / "csu-camden"


def alarms(port: int, code: str) -> float:
    """Number of times that an alarm was raised, as /metrics has it."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=WITHIN_S) as answer:
        text = answer.read().decode()
    found = re.search(rf'^concordant_alarms_total{{code="{code}"}} (\S+)$', text, re.M)
    assert found is not None
    return float(found[1])


@pytest.fixture
def adapter(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder.parent / "log").open("wb") as log:
        program = "from adapters.main import main; main()"
        command = [sys.executable, "-c", program, "adapter", "run", "--agency", folder]
        with subprocess.Popen([*command, "--settle", "0.1"], stderr=log) as process:
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
            until(lambda: (folder / "state" / "http-port").exists() or process.poll() is not None)
            yield process
            process.kill()


def test_a_shortage_of_descriptors_is_waited_out(
    folder: Path, adapter: subprocess.Popen[bytes]
) -> None:
    port = int((folder / "state" / "http-port").read_text())
    log = folder.parent / "log"

    # first from outside: more half-open requests than the adapter could have files
    flood = []
    for _ in range(2 * LIMIT):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", port))
        flood.append(client)
    for client in flood:
        with contextlib.suppress(OSError):  # the kernel may have put it off
            client.send(b"GET /readyz HTTP/1.1\r\nHost: x\r\n")
    assert alive(port) == b"ok\n"
    assert len(list(Path(f"/proc/{adapter.pid}/fd").iterdir())) < LIMIT // 2
    for client in flood:
        client.close()
    assert b"descriptors_wait" not in log.read_bytes()

    # then for any other reason: not one more can be opened, by any part of the adapter
    resource.prlimit(adapter.pid, resource.RLIMIT_NOFILE, (4, LIMIT))
    (folder / "import" / "export.csv").write_text("no,such,columns\n1,2,3\n")
    until(lambda: b"descriptors_wait" in log.read_bytes() or adapter.poll() is not None)
    time.sleep(3)  # every part of the adapter meets it
    assert adapter.poll() is None
    assert (folder / "import" / "export.csv").exists()
    resource.prlimit(adapter.pid, resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
    until(lambda: not (folder / "import" / "export.csv").exists())
    assert alive(port) == b"ok\n"
    assert alarms(port, "descriptors_exhausted") > 1  # more than one part met it
    assert log.read_bytes().count(b'"descriptors_wait"') < 4
    adapter.send_signal(signal.SIGTERM)
    assert adapter.wait(WITHIN_S) == 0
    assert b"Traceback" not in log.read_bytes()
