"""Attacks by files that a person uploads, and by names in files that a person downloads."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest

from adapters.web.people import Role
from contracts.csv_text import csv_text
from tests.unit.adapters.web.officer.conftest import Person


def packed(*files: tuple[str, bytes], link: str | None = None) -> bytes:
    """Return a ZIP file of some files, and of a link if a target is given."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
        if link is not None:
            info = zipfile.ZipInfo("agreements/link.yaml")
            info.external_attr = 0o120777 << 16
            archive.writestr(info, link)
    return out.getvalue()


HOSTILE = {
    "bomb": packed(("agreements/a.yaml", b"a" * 300_000_000)),
    "bombs": packed(*((f"agreements/{n}.yaml", b"a" * 3_000_000) for n in range(60))),
    "many": packed(*((f"agreements/{n}.yaml", b"") for n in range(20_000))),
    "upwards": packed(("../../agency.toml", b"x")),
    "absolute": packed(("/etc/cron.d/x", b"x")),
    "backslash": packed(("..\\..\\agency.toml", b"x")),
    "link": packed(link="/etc/passwd"),
    "nested": packed(("a.bundle", packed(("b.bundle", b"a" * 1_000_000)))),
    "cut": packed(("agreements/a.yaml", b"a" * 1_000))[:-30],
    "yaml bomb": b"a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\n",
    "zeros": bytes(1_000_000),
}


def files_of(folder: Path) -> set[tuple[str, int]]:
    return {
        (str(one.relative_to(folder)), one.stat().st_size)
        for one in folder.rglob("*")
        if one.is_file() and "state" not in one.parts
    }


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.usefixtures("sent")
def test_a_hostile_file_is_refused_and_writes_nothing(
    person: Person, folder: Path, name: str
) -> None:
    visitor = person(Role.OFFICER)
    visitor.get("/bundles")
    before = files_of(folder.parent)
    answer = visitor.post("/bundles", files={"file": ("x.bundle", HOSTILE[name])})

    assert answer.status_code == 422
    assert re.search(r"<code>[a-z_]+</code>", answer.text)
    assert files_of(folder.parent) == before


def test_names_of_downloads_are_ours(person: Person, sha256: str) -> None:
    """No text of a partner stands in the header, and no download is shown as a page."""
    visitor = person()
    paths = [f"/agreements/{sha256}/records/{one}" for one in ("processing", "paper", "dictionary")]
    for path in (*paths, "/bundles/ours", f"/agreements/{sha256}/records/assessment-page"):
        answer = visitor.get(path)
        assert answer.status_code == 200
        assert re.fullmatch(
            r'attachment; filename="[A-Za-z0-9._-]+"', answer.headers["content-disposition"]
        )


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0"]
)
def test_no_cell_of_an_export_is_a_formula(text: str) -> None:
    """The exports of the pages are made by this function."""
    cell = csv_text(["a"], [[text]]).splitlines()[1].strip('"')

    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
