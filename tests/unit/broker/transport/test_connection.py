from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from broker.errors import TransportError
from broker.transport.certificates import issue_ca, issue_certificate, save_identity
from broker.transport.connection import KafkaConnection, TlsFiles, admin_settings, ssl_context


@pytest.fixture
def tls(tmp_path: Path) -> TlsFiles:
    authority = issue_ca("d")
    certificate, key = issue_certificate(authority, "csu-camden")
    save_identity(tmp_path, ca=authority.certificate, certificate=certificate, key=key)
    return TlsFiles.in_folder(tmp_path)


def test_only_tls_1_3_with_a_checked_server_is_spoken(tls: TlsFiles) -> None:
    context = ssl_context(tls)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    settings = admin_settings(KafkaConnection("k:9", tls))
    assert settings["security.protocol"] == "ssl"
    assert settings["ssl.endpoint.identification.algorithm"] == "https"


@pytest.mark.parametrize("name", ["ca", "certificate", "key"])
def test_a_file_that_is_missing_is_named(tls: TlsFiles, name: str) -> None:
    getattr(tls, name).unlink()
    with pytest.raises(TransportError) as missing:
        ssl_context(tls)
    assert missing.value.code == "certificate_unreadable"
    assert missing.value.where == str(getattr(tls, name))


@pytest.mark.parametrize("name", ["ca", "certificate", "key"])
@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"-----BEGIN CERTIFICATE-----\n"])
def test_a_file_that_is_no_pem_is_refused(tls: TlsFiles, name: str, content: bytes) -> None:
    getattr(tls, name).write_bytes(content)
    with pytest.raises(TransportError) as refused:
        ssl_context(tls)
    assert refused.value.code == "certificate_unreadable"


def test_a_key_of_another_certificate_is_refused(tls: TlsFiles) -> None:
    tls.key.write_bytes(issue_certificate(issue_ca("d"), "csu-camden")[1])
    with pytest.raises(TransportError):
        ssl_context(tls)


def test_a_key_with_a_passphrase_is_refused_without_a_prompt(tls: TlsFiles) -> None:
    from cryptography.hazmat.primitives import serialization as form

    key = form.load_pem_private_key(tls.key.read_bytes(), None)
    locked = form.BestAvailableEncryption(b"secret")
    tls.key.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, locked))
    with pytest.raises(TransportError) as refused:
        ssl_context(tls)
    assert "passphrase" in (refused.value.fix or "")


def test_an_error_of_kafka_without_a_code_of_ours(tls: TlsFiles) -> None:
    errors = pytest.importorskip("aiokafka.errors")
    from broker.transport.kafka.client import ClientSettings, transport_error

    client = ClientSettings(KafkaConnection("localhost:1", tls, "csu-camden"))
    found = transport_error(errors.UnsupportedVersionError("text"), client)
    assert found.code == "kafka_failed"
    assert "text" not in found.detail
