"""An adapter works where only its agency's folder can be written, as in its container and its unit.

It runs without capabilities, without new privileges, and without memory that is both writable and
executable, as `docker-compose.yml` and the systemd unit have it. The system calls that the unit
denies fail.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.clock import now_ms
from contracts.durations import HOUR_MS
from tests.support.live_adapter import CAST, POLICE, export
from tests.support.system_tools import analyze, require_tool

UNIT = "deploy/systemd/concordant-adapter@.service"
HEALTHCHECK = "deploy/container/healthcheck.py"
NOT_READ_ONLY = 97
READ_ONLY = f"""
mount --bind "$1" "$1" || exit {NOT_READ_ONLY}
awk '{{print $2}}' /proc/self/mounts | sort -r | while read -r place; do
  case "$place" in
    "$1"|/proc*|/sys*|/dev*) ;;
    *) mount -o remount,ro,bind "$place" 2>/dev/null ;;
  esac
done
if touch "$1/../probe" /tmp/probe /var/tmp/probe 2>/dev/null; then exit {NOT_READ_ONLY}; fi
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all "$2" -c '
import ctypes, os, sys
ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)  # PR_SET_MDWE; kernels before 6.3 do not know it
os.execv(sys.argv[1], sys.argv[1:])
' "$3" --seccomp-bpf -f -qq -o /dev/null -e "trace=$4" -e "inject=$4:error=EPERM" \\
  "$5" adapter run --agency "$1" --web --web-port 0
"""
"""Arguments: the agency's folder, Python, strace, names of denied calls, `concordant`."""


def traced_by(process: subprocess.Popen[bytes]) -> list[int]:
    """Return the ids of a process's children; none if it has ended."""
    try:
        text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.returncode
        assert time.monotonic() < end
        time.sleep(0.05)


def denied(unit: str) -> str:
    """Return the system calls that the unit denies, as strace names a set."""
    (groups,) = re.findall(r"^SystemCallFilter=~(.+)$", unit, re.M)
    assert "\nSystemCallErrorNumber=EPERM\n" in unit, "a denied call would kill the adapter"
    found, asked = set[str](), groups.split()
    while asked:
        done = analyze("syscall-filter", asked.pop())
        lines = [line.strip() for line in done.stdout.splitlines()[1:]]
        asked += [line for line in lines if line.startswith("@")]
        found |= {line for line in lines if line and line[0] not in "@#"}
    return ",".join(f"?{name}" for name in sorted(found))


@pytest.fixture
def agency(tmp_path: Path) -> Path:
    plans = [plan for plan in london_agencies() if plan.id in CAST]
    create_partnership(tmp_path / "p", now_ms() - HOUR_MS, agencies=plans)
    shutil.rmtree(tmp_path / "p" / POLICE / "governance")
    return tmp_path / "p" / POLICE


def test_an_adapter_writes_to_its_agencys_folder_only(root: Path, agency: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make the root read-only for one process")
    program = Path(sys.executable).with_name("concordant")
    calls = denied((root / UNIT).read_text())
    assert "?mbind" in calls.split(",")
    words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", READ_ONLY, "sh"]
    process = subprocess.Popen(
        [*words, agency, sys.executable, require_tool("strace", "strace"), calls, program],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=agency,
    )  # fmt: skip
    try:
        until((agency / "state/http-port").exists, process)
        (adapter,) = traced_by(process)
        status = Path(f"/proc/{adapter}/status").read_text()
        assert "CapEff:\t0000000000000000" in status
        part = agency / "import/export.csv.part"
        part.write_bytes(export({"REFERRAL_NO": "R10001-1"}))
        part.rename(agency / "import/export.csv")
        until((agency / "processed/export.csv").exists, process)
        done = subprocess.run([sys.executable, root / HEALTHCHECK, agency], check=False)
        assert done.returncode == 0
        os.kill(adapter, signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        for one in (*traced_by(process), process.pid):
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        process.wait()
