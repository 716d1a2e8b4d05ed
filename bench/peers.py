"""Peers in an environment and process of their own, driven over a pipe so that rounds interleave.

A peer that cannot be installed or does not start is reported with the reason and never dropped.
Run as ``python -m bench.peers MODULE RECIPIENTS`` this module is the process on the other side: it
answers each line ``BATCH EVENTS`` with what one round took.
"""

from __future__ import annotations

import importlib
import json
import logging
import subprocess
import sys
import venv
import warnings
from pathlib import Path
from typing import Any, Final

from bench.measuring import Round, run_round

MODULES: Final = {
    "HPKE + Ed25519": "bench.cases.hpke",
    "joserfc JWE + JWS": "bench.cases.jose",
    "Confluent CSFLE JSON": "bench.cases.csfle",
    "kafkacrypto": "bench.cases.group_key",
}
_HERE: Final = Path(__file__).parent
ENVIRONMENT: Final = _HERE / "out" / "venv"
PYTHON: Final = ENVIRONMENT / "bin" / "python"
_INSTALLED: Final = ENVIRONMENT / "installed"


def install() -> dict[str, str]:
    """Make the peers' environment if it is not there; what failed, line by line of peers.txt."""
    wanted = [
        line.strip()
        for line in (_HERE / "peers.txt").read_text("utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    if _INSTALLED.exists() and _INSTALLED.read_text("utf-8").startswith("\n".join(wanted)):
        return json.loads(_INSTALLED.read_text("utf-8").rsplit("\n", 1)[1])
    print("installing the peers into", ENVIRONMENT, flush=True)
    if not PYTHON.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    failed = {}
    for one in wanted:  # one by one: a peer that fails takes none of the others with it
        pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", one]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode:
            failed[one] = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
    _INSTALLED.write_text("\n".join(wanted) + "\n" + json.dumps(failed), "utf-8")
    return failed


class Peer:
    """A case in its own process. ``missing`` says why there is none."""

    def __init__(self, name: str, recipients: int) -> None:
        self.name = name
        self.missing: str | None = None
        self._process = subprocess.Popen(
            [str(PYTHON), "-m", "bench.peers", MODULES[name], str(recipients)],
            cwd=_HERE.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._hello()

    def _hello(self) -> None:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"missing": "it did not start"}
        self.missing = answer.get("missing")

    def round(self, batch: int, events: int) -> Round:
        """One round of ``events`` events in batches."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{batch} {events}\n")
        self._process.stdin.flush()
        return Round(*json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def _serve(module: str, recipients: int) -> None:
    out, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints is not an answer
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    try:
        case = importlib.import_module(module).Case(recipients)
        run_round(case, 4, 4)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is reported as the reason
        print(json.dumps({"missing": f"{type(error).__name__}: {error}"}), file=out, flush=True)
        return
    print(json.dumps({}), file=out, flush=True)
    for line in sys.stdin:
        batch, events = map(int, line.split())
        print(json.dumps(run_round(case, batch, events)), file=out, flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
