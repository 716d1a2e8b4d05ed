"""Settings of a rehearsal: what stays the agency's own, and what is replaced."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sandbox import copied_settings
from adapters.sandbox.copied_settings import copy_settings, format_toml, require_inside
from broker.agency.config import CONFIG_NAME, load_config
from broker.errors import ConfigError, WrongInputError
from tests.support.config_text import config_text

OWN = """
[keys]
operational = "file:/real/keys"
governance = "file:/real/governance"

[kafka]
bootstrap = "kafka.real.example:9093"

[state]
database = "/real/state.db"

[http]
port = 9100

[lint]
rules = "rules.json"
"""


def agencies(tmp_path: Path, text: str) -> tuple[Path, Path]:
    """A folder with own settings, and a founded one with the settings of the sandbox."""
    own, sandbox = tmp_path / "own", tmp_path / "sandbox"
    for folder in (own, sandbox):
        folder.mkdir()
    (own / CONFIG_NAME).write_text(text)
    (sandbox / CONFIG_NAME).write_text(config_text())
    return own, sandbox


def without(text: str, *sections: str) -> str:
    table: dict[str, Any] = tomllib.loads(text)
    return format_toml({name: of for name, of in table.items() if name not in sections})


def test_keys_kafka_and_state_are_those_of_the_sandbox(tmp_path: Path) -> None:
    plain = without(config_text(), "keys", "kafka", "state", "http", "lint")
    own, sandbox = agencies(tmp_path, plain + OWN)
    before = (own / CONFIG_NAME).read_bytes()
    founded = load_config(sandbox)
    copy_settings(own, sandbox)
    copied = load_config(sandbox)
    for name in ("deployment", "governance", "keys", "passphrase", "kafka", "state", "lint"):
        assert getattr(copied, name) == getattr(founded, name), name
    assert copied.http.port == 0
    assert "real" not in (sandbox / CONFIG_NAME).read_text()
    assert (own / CONFIG_NAME).read_bytes() == before


def test_adapter_partners_and_intake_stay_the_agencys_own(tmp_path: Path) -> None:
    table = tomllib.loads(config_text())
    table["adapter"] |= {"encoding": "cp850"}
    table["intake"] = {"ungranted_fields": "refuse"}
    table["partners"] = {'the "big" one': "council-camden"}
    own, sandbox = agencies(tmp_path, format_toml(table))
    copy_settings(own, sandbox)
    assert load_config(sandbox).adapter == load_config(own).adapter
    assert load_config(sandbox).partners == load_config(own).partners
    assert load_config(sandbox).intake == load_config(own).intake


@pytest.mark.parametrize("folder", ["/srv/exports", "../exports"])
def test_a_folder_outside_is_replaced_and_told(tmp_path: Path, folder: str) -> None:
    table = tomllib.loads(config_text())
    table["folders"] = {"import": folder, "inbox": "in"}
    own, sandbox = agencies(tmp_path, format_toml(table))
    notes = copy_settings(own, sandbox).notes
    folders = load_config(sandbox).folders
    assert (folders.import_, folders.inbox) == ("import", "in")
    assert len(notes) == 1


def test_a_mapping_file_is_copied_and_a_missing_one_refused(tmp_path: Path) -> None:
    table = tomllib.loads(config_text())
    table["adapter"] = {"kind": "mapped", "mapping": "../shared/mapping.yaml"}
    own, sandbox = agencies(tmp_path, format_toml(table))
    with pytest.raises(ConfigError) as caught:
        copy_settings(own, sandbox)
    assert caught.value.code == "file_unusable"
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/mapping.yaml").write_text("format: {type: csv}\n")
    (sandbox / CONFIG_NAME).write_text(config_text())
    copy_settings(own, sandbox)
    assert load_config(sandbox).adapter.mapping == "mapping.yaml"
    assert (sandbox / "mapping.yaml").read_text() == "format: {type: csv}\n"


def test_the_http_interface_answers_on_this_machine_only(tmp_path: Path) -> None:
    table = tomllib.loads(config_text())
    table["adapter"] |= {"source": "http", "sink": "http"}
    table["api"] = {"host": "0.0.0.0", "certificate": "c.pem", "key": "k.pem", "connections": 7}
    own, sandbox = agencies(tmp_path, format_toml(table))
    notes = copy_settings(own, sandbox).notes
    api = load_config(sandbox).api
    assert (api.host, api.certificate, api.key, api.connections) == ("127.0.0.1", None, None, 7)
    assert len(notes) == 1


def test_a_source_outside_is_sandbox_outside_until_it_is_allowed(tmp_path: Path) -> None:
    table = tomllib.loads(config_text())
    table["adapter"] |= {"source": "database"}
    table["database"] = {"path": "cases.db"}
    own, _ = agencies(tmp_path, format_toml(table))
    with pytest.raises(WrongInputError) as caught:
        require_inside(own, outside=False)
    assert (caught.value.code, caught.value.exit_code) == ("sandbox_outside", 2)
    require_inside(own, outside=True)


def test_a_file_of_a_section_that_is_kept_is_read_where_it_is(tmp_path: Path) -> None:
    table = tomllib.loads(config_text())
    table["retention"] = {"inbox_days": 3}
    own, sandbox = agencies(tmp_path, format_toml(table))
    (own / "secret.txt").write_text("x")
    whole = {"address": "db", "login": {"file": "secret.txt", "files": ["secret.txt", "no.txt"]}}
    found = copied_settings._with_files(whole, own)
    path = str(own / "secret.txt")
    assert found == {"address": "db", "login": {"file": path, "files": [path, "no.txt"]}}
    copy_settings(own, sandbox)
    assert load_config(sandbox).retention.inbox_days == 3


TABLES = st.recursive(
    st.dictionaries(
        st.text(min_size=1, max_size=8),
        st.booleans() | st.integers(-(2**60), 2**60) | st.text() | st.lists(st.text(), max_size=3),
        max_size=4,
    ),
    lambda inner: st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(TABLES)
def test_any_table_is_written_as_it_is_read_again(table: dict[str, Any]) -> None:
    assert tomllib.loads(format_toml(table)) == table
