"""An adapter works where only its agency's folder can be written, as in its container and its unit.

It runs without capabilities, without new privileges, and without memory that is both writable and
executable, as `docker-compose.yml` and the systemd unit have it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.clock import now_ms
from contracts.durations import HOUR_MS
from tests.support.live_adapter import CAST, POLICE, export

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
' "$3" adapter run --agency "$1"
"""
"""Arguments: the agency's folder, Python, `concordant`."""


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.returncode
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def agency(tmp_path: Path) -> Path:
    plans = [plan for plan in london_agencies() if plan.id in CAST]
    create_partnership(tmp_path / "p", now_ms() - HOUR_MS, agencies=plans)
    shutil.rmtree(tmp_path / "p" / POLICE / "governance")
    return tmp_path / "p" / POLICE


def test_an_adapter_writes_to_its_agencys_folder_only(root: Path, agency: Path) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root can make the root read-only for one process")
    program = Path(sys.executable).with_name("concordant")
    words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", READ_ONLY, "sh"]
    process = subprocess.Popen(
        [*words, agency, sys.executable, program], stderr=subprocess.DEVNULL, cwd=agency
    )
    try:
        until((agency / "state/http-port").exists, process)
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert "CapEff:\t0000000000000000" in status
        part = agency / "import/export.csv.part"
        part.write_bytes(export({"REFERRAL_NO": "R10001-1"}))
        part.rename(agency / "import/export.csv")
        until((agency / "processed/export.csv").exists, process)
        done = subprocess.run([sys.executable, root / HEALTHCHECK, agency], check=False)
        assert done.returncode == 0
    finally:
        process.terminate()
        code = process.wait(60)
    assert code == 0
