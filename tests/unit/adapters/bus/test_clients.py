"""Settings of the bus: refused before anything is sent in the clear or without a library."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from adapters.bus.clients import bus_settings, client_maker
from broker.agency.config_bus import BusSection, require_bus
from broker.agency.config_sections import AdapterSection
from broker.errors import ConfigError

SIDES = AdapterSection(kind="council", source="bus", sink="bus")


def section(**changes: object) -> BusSection:
    given = {"kind": "nats", "servers": ["127.0.0.1:4222"], "tls": False}
    return BusSection.model_validate(given | changes)


def refused(bus: BusSection | None) -> str:
    with pytest.raises(ConfigError) as caught:
        require_bus(SIDES, bus, "agency.toml")
    return caught.value.code


@pytest.mark.parametrize("server", ["192.0.2.7:4222", "localhost:4222", "nats.example.org:4222"])
def test_a_bus_without_encryption_off_loopback_is_config_bus_plaintext(server: str) -> None:
    assert refused(section(servers=["127.0.0.1:4222", server])) == "config_bus_plaintext"
    require_bus(SIDES, section(servers=[server], tls=True), "agency.toml")


def test_a_side_without_the_section_is_config_invalid() -> None:
    assert refused(None) == "config_invalid"
    folders = SIDES.model_copy(update={"source": "folder", "sink": "folder"})
    require_bus(folders, None, "agency.toml")


@pytest.mark.parametrize(
    "changes",
    [
        {"username": "adapter"},
        {"certificate": "cert.pem"},
        {"username": "adapter", "password": {}},
        {"username": "adapter", "password": {"file": "a", "environment": "B"}},
        {"credentials": "adapter.creds", "kind": "redis"},
        {"kind": "rabbitmq", "servers": ["127.0.0.1:1", "127.0.0.1:2"]},
        {"kind": "redis", "servers": ["127.0.0.1:1", "127.0.0.1:2"]},
    ],
)
def test_settings_that_contradict_each_other_are_config_invalid(changes: dict[str, object]) -> None:
    assert refused(section(**changes)) == "config_invalid"


def test_two_subjects_have_different_names() -> None:
    with pytest.raises(ValueError, match="each of the five"):
        section(names={"send": "one", "answers": "one"})


def test_a_missing_library_is_bus_library_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.startswith("adapters.bus.nats_client"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "nats", None)
    monkeypatch.setitem(sys.modules, "faststream.nats", None)
    with pytest.raises(ConfigError) as caught:
        client_maker("nats")
    assert caught.value.code == "bus_library_missing"
    assert "concordant[bus]" in str(caught.value.fix)


@pytest.mark.parametrize("changes", [{"ca": "missing.pem", "tls": True}, {"credentials": "no"}])
def test_files_that_cannot_be_used_are_config_bus_tls(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    with pytest.raises(ConfigError) as caught:
        bus_settings(section(**changes), tmp_path)
    assert caught.value.code == "config_bus_tls"


def test_the_password_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    given = section(username="adapter", password={"file": "password"})
    assert bus_settings(given, tmp_path).password == "s3cret"
