"""`agency governance print` and `read`: the keys leave on paper and come back."""

from __future__ import annotations

from pathlib import Path

import pytest
import segno

AGENCY = "csu-camden"


@pytest.fixture
def folder(root: Path) -> Path:
    return root / AGENCY


def keys(folder: Path) -> list[Path]:
    return sorted((folder / "governance").glob("governance-*.key.json"))


@pytest.mark.parametrize("by", ["words", "qr"])
def test_the_keys_come_back_from_paper(cli, folder: Path, by: str) -> None:
    page = cli("agency", "governance", "print", "--agency", folder, "--json")
    assert page.code == 0
    names = [path.name for path in keys(folder)]
    for path in keys(folder):
        path.unlink()
    assert cli("agency", "governance", "print", "--agency", folder).code == 3
    typed = " ".join(page.json["words"]) if by == "words" else page.json["qr"]
    done = cli("agency", "governance", "read", "--agency", folder, "--json", stdin=typed.encode())
    assert done.code == 0
    assert done.json["made"] == 2
    assert done.json["fingerprint"] == page.json["fingerprint"]
    assert [path.name for path in keys(folder)] == names
    assert [path.stat().st_mode & 0o777 for path in keys(folder)] == [0o600] * 2
    assert cli("keys", "renew", "--agency", folder).code == 0, "the keys sign again"
    again = cli("agency", "governance", "read", "--agency", folder, "--json", stdin=typed.encode())
    assert again.json["made"] == 0


def test_the_page_has_numbered_words_and_the_code_and_nothing_is_left(cli, folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    asked = ("agency", "governance", "print", "--agency", folder)
    page, text = cli(*asked, "--json").json, cli(*asked).text
    for number, word in enumerate(page["words"], 1):
        assert f"{number:>2} {word}" in text
    assert AGENCY in text
    drawn = segno.make(page["qr"], micro=False, error="m")
    assert len(text.splitlines()[-1]) == drawn.symbol_size(border=2)[0]
    assert sorted(folder.rglob("*")) == before


def test_a_mistyped_word_is_named_and_writes_nothing(cli, folder: Path, tmp_path: Path) -> None:
    words = cli("agency", "governance", "print", "--agency", folder, "--json").json["words"]
    for path in keys(folder):
        path.unlink()
    right = words[6]
    words[6] = "zoo" if words[6] != "zoo" else "zone"
    (tmp_path / "words").write_text(" ".join(words))
    asked = ("agency", "governance", "read", "--agency", folder, "--words-file")
    done = cli(*asked, tmp_path / "words")
    done.require_failure("paper_words_invalid", 2)
    assert "word 7" in done.err
    assert keys(folder) == []
    words[6] = right
    (tmp_path / "right").write_text(" ".join(words))
    assert cli(*asked, tmp_path / "right").code == 0
    cli(*asked, tmp_path / "absent").require_failure("file_unusable")


def test_the_page_of_another_agency_is_refused(cli, root: Path, folder: Path) -> None:
    other = cli("agency", "governance", "print", "--agency", root / "haven-support", "--json").json
    for typed in (other["qr"], " ".join(other["words"])):
        done = cli("agency", "governance", "read", "--agency", folder, stdin=typed.encode())
        done.require_failure("words_other_keys", 2)
    own = cli("agency", "governance", "print", "--agency", folder, "--json").json["qr"]
    assert cli("agency", "governance", "read", "--agency", folder, stdin=own.encode()).code == 0
