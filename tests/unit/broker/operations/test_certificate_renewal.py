"""A command of the agency's own renews its TLS certificate, or fails with a clear reason."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from broker.agency.config import AgencyConfig, parse_config
from broker.agency.kafka_settings import connection_of
from broker.clock import now_ms
from broker.errors import ConfigError, TransportError
from broker.observing.metrics import Metrics
from broker.operations.certificate_renewal import (
    OUTPUT_BYTES,
    OUTPUT_NAME,
    certificate_renewal_due,
    renew_certificate,
)
from broker.service import certificate_watch
from broker.transport.certificates import issue_ca, issue_certificate, save_identity
from broker.transport.connection import KafkaConnection
from tests.support.config_text import config_text

DAY = 86_400_000
TEXT = config_text()
COPY = "import shutil; [shutil.copy('next/' + n, 'tls/' + n) for n in ('cert.pem', 'key.pem')]"


@dataclass
class Agency:
    """An agency's folder, as far as the renewal needs it."""

    root: Path
    config: AgencyConfig

    def path(self, relative: str) -> Path:
        return self.root / relative

    def kafka_connection(self) -> KafkaConnection:
        return connection_of(self.config.kafka, self.root, "csu-camden")

    def runs(self, *command: str, timeout: float = 20) -> Agency:
        """Configure a command."""
        text = f"[kafka.renewal]\ncommand = {json.dumps(list(command))}\ntimeout = {timeout}\n"
        self.config = parse_config((TEXT + text).encode(), "agency.toml")
        return self

    def renew(self) -> object:
        return asyncio.run(renew_certificate(self, now_ms()))  # type: ignore[arg-type]

    def refused(self) -> TransportError:
        with pytest.raises(TransportError) as caught:
            self.renew()
        return caught.value

    @property
    def output(self) -> bytes:
        return (self.root / OUTPUT_NAME).read_bytes()


@pytest.fixture
def agency(tmp_path: Path) -> Agency:
    """A certificate that ends in 20 days, and beside it one of a year, of another authority."""
    for folder, begins in (("tls", now_ms() - 345 * DAY), ("next", now_ms())):
        authority = issue_ca(folder, begins)
        certificate, key = issue_certificate(authority, "csu-camden", now=begins)
        ca = authority.certificate
        save_identity(tmp_path / folder, ca=ca, certificate=certificate, key=key)
    return Agency(tmp_path, parse_config(TEXT.encode(), "agency.toml"))


def test_a_command_renews_the_certificate(agency: Agency) -> None:
    agency.runs(sys.executable, "-c", COPY + "; print('done')")
    now = now_ms()
    assert certificate_renewal_due(agency, now + 20 * DAY, now)  # type: ignore[arg-type]
    assert not certificate_renewal_due(agency, now + 31 * DAY, now)  # type: ignore[arg-type]
    renewed = agency.renew()
    assert getattr(renewed, "ends_ms", 0) > now_ms() + 300 * DAY
    assert agency.output == b"done\n"
    assert (agency.root / OUTPUT_NAME).stat().st_mode & 0o777 == 0o600


def test_without_a_command_it_says_so(agency: Agency) -> None:
    with pytest.raises(ConfigError) as refused:
        agency.renew()
    assert refused.value.code == "renewal_not_configured"
    agency.runs(sys.executable, "-c", COPY).renew()


def test_a_failure_is_told_and_mended(agency: Agency) -> None:
    script = "print('Jane Doe'); import sys; sys.exit(3)"
    failed = agency.runs(sys.executable, "-c", script).refused()
    assert (failed.code, "exit status 3" in failed.detail) == ("renewal_failed", True)
    assert "Jane" not in str(failed)
    assert agency.output == b"Jane Doe\n"
    assert agency.runs("/no/such/command").refused().code == "renewal_failed"
    agency.runs(sys.executable, "-c", COPY).renew()


def test_a_command_that_does_not_end_is_stopped(agency: Agency) -> None:
    script = (
        "import subprocess, sys, time; print('begun', flush=True);"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "open('child', 'w').write(str(child.pid)); time.sleep(60)"
    )
    began = time.monotonic()
    late = agency.runs(sys.executable, "-c", script, timeout=3).refused()
    assert late.code == "renewal_timed_out"
    assert time.monotonic() - began < 30
    assert agency.output == b"begun\n"
    child = int((agency.root / "child").read_text())
    for _ in range(100):
        status = Path(f"/proc/{child}/stat")
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.05)
    else:
        pytest.fail("a process of the command is still there")
    agency.runs(sys.executable, "-c", COPY).renew()


def test_a_command_without_effect_is_a_failure(agency: Agency) -> None:
    assert agency.runs(sys.executable, "-c", "pass").refused().code == "renewal_without_effect"
    half = "import shutil; shutil.copy('next/cert.pem', 'tls/cert.pem')"
    assert agency.runs(sys.executable, "-c", half).refused().code == "renewal_without_effect"
    agency.runs(sys.executable, "-c", COPY).renew()
    certificate, key = issue_certificate(issue_ca("d"), "council-camden")
    ca = (agency.root / "next/ca.pem").read_bytes()
    save_identity(agency.root / "next", ca=ca, certificate=certificate, key=key)
    assert agency.refused().code == "renewal_without_effect", "for another agency"


def test_no_shell_no_input_no_secret_and_little_output(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_SECRET", "hidden")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/hidden")
    script = (
        "import os, sys; print('x' * 200_000);"
        "print(sys.argv[1], sys.stdin.read(), 'hidden' in str(dict(os.environ)), os.getcwd())"
    )
    agency.runs(sys.executable, "-c", script, "$HOME; touch made")
    text = TEXT.replace('file = "passphrase"', 'environment = "KAFKA_SECRET"')
    renewal = agency.config.kafka.model_copy()
    config = parse_config(text.encode(), "agency.toml")
    agency.config = config.model_copy(update={"kafka": renewal})
    assert agency.refused().code == "renewal_without_effect"
    assert len(agency.output) == OUTPUT_BYTES
    assert agency.output.endswith(f"$HOME; touch made  False {agency.root}\n".encode())
    assert not (agency.root / "made").exists()


async def test_a_running_adapter_renews_and_counts(agency: Agency) -> None:
    metrics = Metrics()
    agency.runs(sys.executable, "-c", "import sys; sys.exit(1)")
    stop = asyncio.Event()
    task = asyncio.create_task(
        certificate_watch.watch_certificate(agency, metrics, now_ms, stop)  # type: ignore[arg-type]
    )
    failed = 'certificate_renewal_failed{code="renewal_failed"} 1.0'
    async with asyncio.timeout(30):
        while failed not in metrics.text().decode():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    stop.set()
    await task
    agency.runs(sys.executable, "-c", COPY)
    stop = asyncio.Event()
    task = asyncio.create_task(
        certificate_watch.watch_certificate(agency, metrics, now_ms, stop)  # type: ignore[arg-type]
    )
    async with asyncio.timeout(30):
        while failed in metrics.text().decode():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    stop.set()
    await task


async def test_a_stop_of_the_adapter_ends_the_command(agency: Agency) -> None:
    script = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"
    agency.runs(sys.executable, "-c", script, timeout=50)
    stop = asyncio.Event()
    task = asyncio.create_task(
        certificate_watch.watch_certificate(agency, Metrics(), now_ms, stop)  # type: ignore[arg-type]
    )
    pid = agency.root / "pid"
    async with asyncio.timeout(30):
        while not pid.exists() or not pid.read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    stop.set()
    async with asyncio.timeout(10):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
