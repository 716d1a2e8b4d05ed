"""Pictures of the pages: shown, small, described in words, and taken by docs/pictures.py."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.code_scan import ROOT
from tests.unit.docs.test_site import DOCS, generator

FOLDER = DOCS / "pictures"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
LEAST_WORDS = 12
"""Words of a text that says what a picture shows."""


def shown() -> Iterator[tuple[Path, str]]:
    """(file, alternative text) of each picture that the documentation shows."""
    for page in (ROOT / "README.md", *DOCS.rglob("*.md")):
        for text, target in re.findall(r"!\[([^\]]*)\]\(([^)]+\.png)\)", page.read_text()):
            yield (page.parent / target).resolve(), text


def test_each_picture_is_shown_and_taken_by_the_command() -> None:
    taken = {FOLDER / f"{picture.name}.png" for picture in generator("pictures").PICTURES}
    assert {path for path, _ in shown()} == taken
    assert set(FOLDER.iterdir()) == taken


def test_each_picture_is_described_in_words() -> None:
    short = {path.name for path, text in shown() if len(text.split()) < LEAST_WORDS}
    assert short == set()


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.stem)
def test_a_picture_is_small(path: Path) -> None:
    module = generator("pictures")
    content = path.read_bytes()
    assert content.startswith(SIGNATURE)
    assert struct.unpack(">II", content[16:24]) == (module.WIDTH, module.HEIGHT)
    assert len(content) < module.MOST_BYTES
