"""Commands in texts: apart from words, with the agency's own folder."""

from __future__ import annotations

from pathlib import Path

from adapters.web.operator.texts_with_commands import advice_parts, told
from broker.codes.meanings import CODES

FOLDER = Path("/srv/our agency")


def test_a_command_gets_the_folder_and_words_stay() -> None:
    assert told("Run `concordant doctor --agency DIR` in DIR.", str, FOLDER) == [
        ("Run ", False),
        ("concordant doctor --agency '/srv/our agency'", True),
        (" in DIR.", False),
    ]


def test_the_advice_of_a_code_gets_folder_and_id() -> None:
    text = "Then: concordant quarantine retry ID --not-heard --reason TEXT --agency DIR."
    commands = [text for text, is_command in advice_parts(text, str, FOLDER, "17") if is_command]
    assert commands == [
        "concordant quarantine retry 17 --not-heard --reason TEXT --agency '/srv/our agency'"
    ]


def test_the_advice_names_the_buttons_of_the_page() -> None:
    for code, button in (("rows_refused", "choose Retry"), ("consent_missing", "below")):
        ((text, is_command),) = advice_parts(CODES[code].to_do, str, FOLDER, "17")
        assert button in text
        assert not is_command


def test_no_advice_loses_a_word() -> None:
    for code, meaning in CODES.items():
        joined = "".join(text for text, _ in advice_parts(meaning.to_do, str, Path("DIR"), "ID"))
        retry = "concordant quarantine retry ID --agency DIR"
        kept = meaning.to_do.replace(f"then: {retry}", "then choose Retry")
        kept = kept.replace(retry, "choose Retry")
        discard = ": concordant quarantine discard ID --reason TEXT --agency DIR"
        assert joined == kept.replace(discard, " below"), code
