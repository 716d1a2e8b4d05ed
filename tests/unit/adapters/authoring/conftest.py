"""An agency of a partnership that is made once, and an export of a system of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.trial_folder import trial_folder

HEADER = (
    "Case Ref;Date Opened;Officer;Tenancy Type;Tenant Name;DOB;Sex;Post Code;Mobile;"
    "Incident Category;Motivation;Incident Date;Incident Time;Location;What happened;"
    "Police informed?;Risk;Consent to share;Service;Refer To\r\n"
)
ROWS = (
    "HSG/2026001;01/11/2026;JS;Council tenant;Ann Sample;01/05/1980;F;ZZ1 1ZZ;07700 900001;"
    "Hate incident;Race;02/10/2026;11:30;Home;Shouted at;No;12;Yes;Housing;csu-camden\r\n",
    "HSG/2026002;02/11/2026;AB;Private rent;Bo Sample;02/06/1981;M;ZZ1 2ZZ;07700 900002;"
    'Hate crime;"Race, Religion";03/10/2026;12:30;Stairwell;Pushed;Yes;18;No;Housing;'
    '"csu-camden, haven-support"\r\n',
)
EXPORT = (HEADER + "".join(ROWS)).encode()


@pytest.fixture
def council(tmp_path: Path) -> Iterator[Path]:
    """Return the folder of a council, with the export beside it as `asb.csv`."""
    folder = tmp_path / "council"
    shutil.copytree(trial_folder() / "council-camden", folder)
    (tmp_path / "asb.csv").write_bytes(EXPORT)
    return folder
