"""Certificates that the host of Kafka issues from entries."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from broker.errors import ConfigError, EntryError
from broker.operations.agency_entry import write_entry
from broker.operations.bundles import add_bundles
from broker.operations.kafka_authority import issue_certificates, make_authority
from broker.transport.certificates import read_certificate, verify_issued
from contracts.errors import ConcordantError
from tests.support.command_line import run
from tests.support.founding import NOW, cheap_scrypt, content, found, options


@pytest.fixture(autouse=True)
def _quickly() -> object:
    with cheap_scrypt():
        yield


def test_each_agency_gets_the_certificate_for_its_own_key(tmp_path: Path) -> None:
    assert make_authority(tmp_path / "ca", NOW)
    assert stat.S_IMODE((tmp_path / "ca" / "key.pem").stat().st_mode) == 0o600
    before = content(tmp_path / "ca")
    assert not make_authority(tmp_path / "ca", NOW)
    entries = []
    for agency in ("csu-camden", "csu-lewisham"):
        found(tmp_path / agency, agency)
        entries.append(tmp_path / f"{agency}.entry")
        write_entry(tmp_path / agency, entries[-1], NOW)
    issued = issue_certificates(tmp_path / "ca", entries, tmp_path / "b", NOW)
    assert issued.agencies == ("csu-camden", "csu-lewisham")
    assert content(tmp_path / "ca") == before
    for agency in issued.agencies:
        add_bundles(tmp_path / agency, [tmp_path / "b"], NOW)
        tls = tmp_path / agency / "tls"
        certificate = (tls / "cert.pem").read_bytes()
        assert read_certificate(certificate).common_name == agency
        request = (tls / "request.pem").read_bytes()
        verify_issued((tls / "ca.pem").read_bytes(), certificate, agency, request)
    assert b"PRIVATE" not in (tmp_path / "b").read_bytes()


def test_a_refusal_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"hello")
    with pytest.raises(ConcordantError) as error:
        issue_certificates(tmp_path / "ca", [tmp_path / "x"], tmp_path / "b", NOW)
    assert error.value.code == "file_unusable"
    make_authority(tmp_path / "ca", NOW)
    found(tmp_path / "a")
    write_entry(tmp_path / "a", tmp_path / "a.entry", NOW)
    for entries, code in (
        ([tmp_path / "x"], "entry_malformed"),
        ([tmp_path / "a.entry", tmp_path / "a.entry"], "entry_conflict"),
    ):
        with pytest.raises(EntryError) as refused:
            issue_certificates(tmp_path / "ca", entries, tmp_path / "b", NOW)
        assert refused.value.code == code
    assert not (tmp_path / "b").exists()
    with pytest.raises(ConfigError) as full:
        make_authority(tmp_path / "a", NOW)
    assert full.value.code == "directory_not_empty"


def test_the_commands(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    run("agency", "init", folder, *options(folder))
    run("agency", "entry", "--agency", folder, "--out", tmp_path / "a.entry")
    assert run("kafka", "authority", "init", tmp_path / "ca").code == 0
    issue = ["kafka", "authority", "issue", "--authority", tmp_path / "ca", tmp_path / "a.entry"]
    done = run(*issue, "--out", tmp_path / "b", "--json")
    assert (done.code, done.json["agencies"]) == (0, ["csu-camden"])
    added = run("bundle", "add", "--agency", folder, tmp_path / "b", "--json")
    assert {"kind": "certificate", "name": "tls/cert.pem"} in added.json["new"]
