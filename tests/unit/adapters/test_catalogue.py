"""The adapter of an agency, and settings that its file format forbids."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.catalogue import adapter_of
from broker.agency.config import AgencyConfig, parse_config
from broker.errors import ConfigError
from tests.support.config_text import config_text


def settings(kind: str, source: str, marker: str) -> AgencyConfig:
    text = config_text(adapter=kind).replace("[adapter]\n", f'[adapter]\nsource = "{source}"\n', 1)
    if source == "sftp":
        text += '\n[sftp]\nhost = "h.example"\nuser = "x"\nkey = "k"\n'
        text += f'done_marker = "{marker}"\n'
    else:
        text = text.replace("[folders]\n", f'[folders]\ndone_marker = "{marker}"\n', 1)
    return parse_config(text.encode(), "agency.toml")


@pytest.mark.parametrize("marker", [".xml", ".XML"])
@pytest.mark.parametrize(("source", "section"), [("folder", "folders"), ("sftp", "sftp")])
def test_an_ending_of_exports_is_no_done_marker(
    source: str, section: str, marker: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        adapter_of(tmp_path, settings("cps", source, marker))
    assert (caught.value.code, caught.value.where) == (
        "config_invalid",
        f"agency.toml: {section}.done_marker",
    )


@pytest.mark.parametrize("source", ["folder", "sftp"])
def test_an_ending_of_another_format_may_be_a_done_marker(source: str, tmp_path: Path) -> None:
    assert adapter_of(tmp_path, settings("cps", source, ".ok")).suffixes
    assert adapter_of(tmp_path, settings("csu", source, ".xml")).suffixes


def test_a_done_marker_that_no_source_uses_is_no_fault(tmp_path: Path) -> None:
    assert adapter_of(tmp_path, settings("cps", "http", ".xml")).suffixes
