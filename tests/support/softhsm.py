"""A PKCS#11 token of SoftHSM for a pytest process."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

REQUIRED = "CONCORDANT_REQUIRE_TOOLS"
LABEL, PIN = "concordant", "4711-0815"
_MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)


@dataclass(frozen=True)
class SoftHsm:
    """A token: its module, and a file with its PIN."""

    module: str
    pin: Path

    @property
    def uri(self) -> str:
        return f"pkcs11:token={LABEL}?module-path={self.module}"


def make_token(folder: Path) -> SoftHsm:
    """Make a token. SoftHSM reads its settings once in a process, so there is one for each.

    Where SoftHSM is missing the test is skipped; with CONCORDANT_REQUIRE_TOOLS it fails.
    """
    module = next((path for path in _MODULES if Path(path).exists()), None)
    if module is None or shutil.which("softhsm2-util") is None:
        reason = "SoftHSM is missing: apt-get install softhsm2"
        if os.environ.get(REQUIRED):
            pytest.fail(reason)
        pytest.skip(reason)
    if find_spec("pkcs11") is None:
        reason = "the PKCS#11 library is missing: pip install 'concordant[pkcs11]'"
        if os.environ.get(REQUIRED):
            pytest.fail(reason)
        pytest.skip(reason)
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    initialise = ("--init-token", "--free", "--label", LABEL, "--so-pin", "12345678", "--pin", PIN)
    subprocess.run(["softhsm2-util", *initialise], check=True, capture_output=True)
    (folder / "pin").write_text(PIN + "\n")
    (folder / "pin").chmod(0o600)
    return SoftHsm(module, folder / "pin")


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHsm:
    """The token of this process."""
    return make_token(tmp_path_factory.mktemp("softhsm"))
