"""Certificates that the host of Kafka issues from entries."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from broker.errors import ConfigError, EntryError, TransportError
from broker.operations.agency_entry import write_entry
from broker.operations.bundles import add_bundles, make_bundle, show_bundle
from broker.operations.kafka_authority import (
    bring_certificate,
    issue_certificates,
    make_authority,
)
from broker.partnership.bundle import format_bundle, parse_bundle
from broker.transport.certificates import (
    Authority,
    certify_request,
    issue_ca,
    issue_certificate,
    read_certificate,
    verify_issued,
)
from contracts.errors import ConcordantError
from tests.support.command_line import run
from tests.support.founding import NOW, cheap_scrypt, content, found, options, reason


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
    found(tmp_path / "other")
    write_entry(tmp_path / "other", tmp_path / "other.entry", NOW)
    for entries, code in (
        ([tmp_path / "x"], "bundle_malformed"),
        ([tmp_path / "a.entry", tmp_path / "other.entry"], "entry_conflict"),
    ):
        with pytest.raises(EntryError) as refused:
            issue_certificates(tmp_path / "ca", entries, tmp_path / "b", NOW)
        assert refused.value.code == code
    assert not (tmp_path / "b").exists()
    with pytest.raises(ConfigError) as full:
        make_authority(tmp_path / "a", NOW)
    assert full.value.code == "directory_not_empty"


def test_a_bundle_gives_the_entries_for_certificates(tmp_path: Path) -> None:
    """`agency status` tells an agency to send the host a bundle, so the host can use one."""
    make_authority(tmp_path / "ca", NOW)
    found(tmp_path / "a")
    make_bundle(tmp_path / "a", tmp_path / "a.bundle", NOW)
    issued = issue_certificates(tmp_path / "ca", [tmp_path / "a.bundle"], tmp_path / "b", NOW)
    assert issued.agencies == ("csu-camden",)
    add_bundles(tmp_path / "a", [tmp_path / "b"], NOW)
    assert (tmp_path / "a" / "tls" / "cert.pem").is_file()


def test_the_host_gets_a_certificate_for_itself_and_for_a_broker(tmp_path: Path) -> None:
    make_authority(tmp_path / "ca", NOW)
    command = ["kafka", "authority", "identity", "--authority", tmp_path / "ca"]
    for name, hosts in (("kafka-operator", ()), ("broker-1", ("b1.kafka.example", "10.0.0.1"))):
        out = tmp_path / name
        given = [part for host in hosts for part in ("--host", host)]
        assert run(*command, "--name", name, "--out", out, *given).code == 0
        certificate = x509.load_pem_x509_certificate((out / "cert.pem").read_bytes())
        assert read_certificate((out / "cert.pem").read_bytes()).common_name == name
        assert (out / "ca.pem").read_bytes() == (tmp_path / "ca" / "ca.pem").read_bytes()
        assert stat.S_IMODE((out / "key.pem").stat().st_mode) == 0o600
        certificate.verify_directly_issued_by(
            x509.load_pem_x509_certificate((out / "ca.pem").read_bytes())
        )
        assert all(host in str(list(certificate.extensions)) for host in hosts)
    again = run(*command, "--name", "kafka-operator", "--out", tmp_path / "kafka-operator")
    assert (again.code, reason(again)) == (3, "directory_not_empty")


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


def own_certificate(folder: Path, agency: str, authority: Authority, now: int = NOW) -> bytes:
    """Return a certificate of an agency's own authority for its request, with the authority's."""
    request = (folder / "tls" / "request.pem").read_bytes()
    return certify_request(authority, request, agency, now=now) + authority.certificate


def test_an_agency_brings_a_certificate_of_its_own_authority(tmp_path: Path) -> None:
    """It travels in bundles, by way of another agency, until the host trusts its authority."""
    make_authority(tmp_path / "ca", NOW)
    for agency in ("csu-camden", "csu-lewisham"):
        found(tmp_path / agency, agency)
    ours, other = tmp_path / "csu-camden", tmp_path / "csu-lewisham"
    own = issue_ca("camden", NOW)
    (tmp_path / "chain").write_bytes(own_certificate(ours, "csu-camden", own))
    done = run("kafka", "authority", "bring", "--agency", ours, tmp_path / "chain", "--json")
    assert done.code == 0, done.err
    assert (ours / "tls" / "cert.pem").read_bytes() == (tmp_path / "chain").read_bytes()
    make_bundle(ours, tmp_path / "one", NOW)
    add_bundles(other, [tmp_path / "one"], NOW)
    make_bundle(other, tmp_path / "two", NOW)
    assert show_bundle(tmp_path / "two", NOW).own_certificates == ("csu-camden",)
    trusted = run(
        *("kafka", "authority", "trust", "--authority", tmp_path / "ca"),
        *("--bundle", tmp_path / "two", "--out", tmp_path / "trust.pem", "--json"),
    )
    assert [one["digest"] for one in trusted.json["authorities"]] == [done.json["digest"]]
    host = (tmp_path / "ca" / "ca.pem").read_bytes()
    assert (tmp_path / "trust.pem").read_bytes() == host + own.certificate
    assert b"PRIVATE" not in (tmp_path / "two").read_bytes()


def test_a_certificate_that_is_not_of_the_agencys_request_is_refused(tmp_path: Path) -> None:
    for agency in ("csu-camden", "csu-lewisham"):
        found(tmp_path / agency, agency)
    ours, other = tmp_path / "csu-camden", tmp_path / "csu-lewisham"
    own, another = issue_ca("camden", NOW), issue_ca("another", NOW)
    leaf = own_certificate(ours, "csu-camden", own).removesuffix(own.certificate)
    wrong_key, _ = issue_certificate(own, "csu-camden", now=NOW)
    chains = (
        own_certificate(other, "csu-lewisham", own),
        wrong_key + own.certificate,
        leaf,
        leaf + another.certificate,
        own.certificate + leaf,
        b"rubbish",
    )
    before = content(ours)
    for chain in chains:
        (tmp_path / "chain").write_bytes(chain)
        with pytest.raises(TransportError) as refused:
            bring_certificate(ours, tmp_path / "chain", NOW)
        assert refused.value.code == "certificate_foreign"
    assert content(ours) == before
    # A bundle with such a chain is refused too, and changes nothing.
    make_bundle(ours, tmp_path / "b", NOW)
    bundle = parse_bundle((tmp_path / "b").read_bytes())
    for chain in chains:
        forged = replace(bundle, own_certificates={"csu-camden": chain})
        (tmp_path / "forged").write_bytes(format_bundle(forged))
        held = content(other)
        with pytest.raises(EntryError):
            add_bundles(other, [tmp_path / "forged"], NOW)
        assert content(other) == held


def test_an_older_bundle_brings_no_older_certificate_back(tmp_path: Path) -> None:
    make_authority(tmp_path / "ca", NOW)
    ours = tmp_path / "csu-camden"
    found(ours, "csu-camden")
    write_entry(ours, tmp_path / "entry", NOW)
    for name, now in (("old", NOW), ("new", NOW + 86_400_000)):
        issue_certificates(tmp_path / "ca", [tmp_path / "entry"], tmp_path / name, now)
        add_bundles(ours, [tmp_path / name], now)
    renewed = (ours / "tls" / "cert.pem").read_bytes()
    assert read_certificate(renewed).not_before > NOW
    add_bundles(ours, [tmp_path / "old"], NOW)
    assert (ours / "tls" / "cert.pem").read_bytes() == renewed
    (ours / "tls" / "cert.pem").write_bytes(b"damaged")
    add_bundles(ours, [tmp_path / "old"], NOW)
    assert (ours / "tls" / "cert.pem").read_bytes() != b"damaged"
