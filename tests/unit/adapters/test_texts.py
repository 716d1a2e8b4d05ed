"""Texts of a language from the agency's own file."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.texts import texts_of
from broker.errors import ConfigError
from contracts.phrases import N_, phrase, phrases

HEAD = """\
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

"""
WELSH = f"""{HEAD}
msgid "Board"
msgstr "Bwrdd"

#, python-format
msgid "%(agency)s waits"
msgstr "mae %(agency)s yn aros"

msgid "%(n)s event"
msgid_plural "%(n)s events"
msgstr[0] "un digwyddiad"
msgstr[1] "%(n)s digwyddiad"

#, fuzzy
msgid "Keys"
msgstr "Allweddi %(n)s"
"""


def write(root: Path, text: str, language: str = "cy") -> Path:
    path = root / "web" / f"{language}.po"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_a_language_is_one_file(tmp_path: Path) -> None:
    write(tmp_path, WELSH)
    texts = texts_of(tmp_path, "cy")

    assert N_("Board").in_language(texts) == "Bwrdd"
    assert phrase("%(agency)s waits", agency="Haven").in_language(texts) == "mae Haven yn aros"
    assert [phrases("%(n)s event", "%(n)s events", n).in_language(texts) for n in (1, 3)] == [
        "un digwyddiad",
        "3 digwyddiad",
    ]


def test_a_text_that_is_not_translated_or_unsure_stays_english(tmp_path: Path) -> None:
    write(tmp_path, WELSH)
    texts = texts_of(tmp_path, "cy")

    assert [N_(text).in_language(texts) for text in ("Keys", "Checks")] == ["Keys", "Checks"]


def test_without_a_language_it_is_english(tmp_path: Path) -> None:
    assert N_("Board").in_language(texts_of(tmp_path, None)) == "Board"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("no file of texts", None),
        (f'{HEAD}msgid "%(agency)s waits"\nmsgstr "mae %(asiantaeth)s yn aros"\n', 6),
        (f'{HEAD}msgid "%(agency)s waits"\nmsgstr "mae %(agency) yn aros"\n', 6),
        (f'{HEAD}msgid "%(n)s of 100"\nmsgstr "%(n)s o 100 %"\n', 6),
        (f'{HEAD}msgid "{{text}} is wrong"\nmsgstr "{{testun}}"\n', 6),
        (f'{HEAD}msgid "%(agency)s waits"\nmsgstr "mae %(agency)d yn aros"\n', 6),
        (f'{HEAD}msgid "%(agency)s waits"\nmsgstr "mae %(agency)999999999s yn aros"\n', 6),
        (f'{HEAD}msgid "{{text}} is wrong"\nmsgstr "{{text.__class__}}"\n', 6),
        (HEAD.replace("n != 1", "n != y") + 'msgid "Board"\nmsgstr "Bwrdd"\n', None),
    ],
)
def test_a_file_that_cannot_be_used_is_config_web_texts(
    tmp_path: Path, text: str, line: int | None
) -> None:
    path = write(tmp_path, text)

    with pytest.raises(ConfigError) as caught:
        texts_of(tmp_path, "cy")

    assert caught.value.code == "config_web_texts"
    assert caught.value.where == (str(path) if line is None else f"{path}, line {line}")


def test_a_missing_file_is_config_web_texts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        texts_of(tmp_path, "cy")

    assert caught.value.code == "config_web_texts"
