"""Commands in texts: apart from words, with the agency's own folder."""

from __future__ import annotations

from pathlib import Path

from adapters.web.operator.texts_with_commands import advice, told
from broker.codes.meanings import CODES

FOLDER = Path("/srv/our agency")


def test_a_command_gets_the_folder_and_words_stay() -> None:
    assert told("Run `concordant doctor --agency DIR` in DIR.", FOLDER) == [
        ("Run ", False),
        ("concordant doctor --agency '/srv/our agency'", True),
        (" in DIR.", False),
    ]


def test_the_advice_of_a_code_gets_folder_and_id() -> None:
    parts = advice(CODES["consent_missing"].to_do, FOLDER, "17")
    commands = [text for text, is_command in parts if is_command]
    assert commands == ["concordant quarantine discard 17 --reason TEXT --agency '/srv/our agency'"]


def test_no_advice_loses_a_word() -> None:
    for code, meaning in CODES.items():
        joined = "".join(text for text, _ in advice(meaning.to_do, Path("DIR"), "ID"))
        assert joined == meaning.to_do, code
