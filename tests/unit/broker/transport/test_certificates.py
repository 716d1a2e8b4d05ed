from __future__ import annotations

import socket
import ssl
import stat
import threading

import pytest

from broker.errors import TransportError
from broker.transport.certificates import (
    Authority,
    issue_ca,
    issue_certificate,
    read_certificate,
    save_identity,
)


def test_a_party_and_kafka_meet_over_tls_1_3_with_certificates_both_ways(tmp_path) -> None:
    authority = issue_ca("pan-london")
    server_pair = issue_certificate(authority, "kafka-operator", ["localhost", "127.0.0.1"])
    client_pair = issue_certificate(authority, "csu-camden")
    for name, (certificate, key) in (("s", server_pair), ("c", client_pair)):
        save_identity(tmp_path / name, ca=authority.certificate, certificate=certificate, key=key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.minimum_version = ssl.TLSVersion.TLSv1_3
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags |= ssl.VERIFY_X509_STRICT
    server.load_verify_locations(tmp_path / "s/ca.pem")
    server.load_cert_chain(tmp_path / "s/cert.pem", tmp_path / "s/key.pem")
    client = ssl.create_default_context(cafile=str(tmp_path / "c/ca.pem"))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    client.load_cert_chain(tmp_path / "c/cert.pem", tmp_path / "c/key.pem")
    near, far = socket.socketpair()
    seen: list[object] = []

    def serve() -> None:
        with server.wrap_socket(far, server_side=True) as tls:
            tls.sendall(b"x")
            seen.append(tls.getpeercert()["subject"])

    thread = threading.Thread(target=serve)
    thread.start()
    with client.wrap_socket(near, server_hostname="localhost") as tls:
        assert tls.recv(1) == b"x"
    thread.join()
    assert seen == [((("commonName", "csu-camden"),),)]


def test_a_certificate_says_whose_it_is_and_how_long_it_lasts() -> None:
    now = 1_770_000_000_000
    certificate, _ = issue_certificate(issue_ca("pan-london", now), "csu-camden", now=now)
    facts = read_certificate(certificate)
    assert facts.common_name == "csu-camden"
    assert facts.not_before <= now - 5 * 60_000
    assert facts.not_after == now + 365 * 86_400_000


@pytest.mark.parametrize("name", ["", "A", "a,b", "a=b", "a/b", "-a", "a" * 64, "a\n"])
def test_a_name_that_could_be_mistaken_for_another_principal_is_refused(name: str) -> None:
    with pytest.raises(TransportError) as refused:
        issue_certificate(issue_ca("pan-london"), name)
    assert refused.value.code == "certificate_invalid"


def test_text_that_is_not_a_certificate_is_refused() -> None:
    with pytest.raises(TransportError):
        read_certificate(b"x")
    with pytest.raises(TransportError):
        issue_certificate(Authority(b"x", b"y"), "csu-camden")


def test_a_private_key_is_readable_by_its_owner_only(tmp_path) -> None:
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls/key.pem").write_bytes(b"")
    (tmp_path / "tls/key.pem").chmod(0o644)
    save_identity(tmp_path / "tls", ca=b"a", certificate=b"b", key=b"c")
    assert stat.S_IMODE((tmp_path / "tls/key.pem").stat().st_mode) == 0o600
