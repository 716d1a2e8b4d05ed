"""TLS context that takes up renewed files."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest

from broker.errors import TransportError
from broker.transport.certificates import Authority, issue_ca, issue_certificate, save_identity
from broker.transport.connection import KafkaConnection, TlsFiles
from broker.transport.renewable_context import RenewableContext
from broker.transport.tls_ends import TlsEnds

DAY = 86_400_000


def identity(folder: Path, authority: Authority, name: str = "csu-camden") -> TlsFiles:
    certificate, key = issue_certificate(authority, name, ["localhost"])
    save_identity(folder, ca=authority.certificate, certificate=certificate, key=key)
    return TlsFiles.in_folder(folder)


def connects(client: ssl.SSLContext, server: TlsFiles) -> bool:
    """Return whether a client and a server of these files accept each other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert server.ca
    assert server.certificate
    context.load_cert_chain(server.certificate, server.key)
    context.load_verify_locations(server.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    ours, theirs = socket.socketpair()
    accepted = []

    def serve() -> None:
        try:
            with context.wrap_socket(theirs, server_side=True) as tls:
                tls.sendall(b"y")
                accepted.append(True)
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with ours, client.wrap_socket(ours, server_hostname="localhost") as tls:
            return tls.recv(1) == b"y"
    except OSError:
        return False
    finally:
        thread.join()


def test_new_files_replace_the_old_trust_and_the_old_certificate(tmp_path: Path) -> None:
    old, new = issue_ca("old"), issue_ca("new")
    context = RenewableContext(identity(tmp_path / "us", old))
    before, after = identity(tmp_path / "before", old), identity(tmp_path / "after", new)
    assert connects(context, before)
    assert not connects(context, after)
    identity(tmp_path / "us", new)
    assert connects(context, after)
    assert not connects(context, before), "the old authority is not trusted any more"
    assert context.problem is None


def test_files_that_do_not_fit_leave_the_last_ones_in_use(tmp_path: Path) -> None:
    old, new = issue_ca("old"), issue_ca("new")
    files = identity(tmp_path / "us", old)
    assert files.key
    key = files.key.read_bytes()
    context = RenewableContext(files)
    before, after = identity(tmp_path / "before", old), identity(tmp_path / "after", new)
    identity(tmp_path / "us", new)
    renewed = files.key.read_bytes()
    files.key.write_bytes(key)  # the new certificate beside the old key
    assert connects(context, before)
    assert context.problem is not None
    assert context.problem.code == "certificate_unreadable"
    files.key.unlink()
    assert connects(context, before)
    files.key.write_bytes(renewed)
    assert connects(context, after)
    assert context.problem is None


def test_files_that_are_wrong_at_the_start_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(TransportError) as refused:
        RenewableContext(TlsFiles.in_folder(tmp_path))
    assert refused.value.code == "certificate_unreadable"


def test_the_ends_follow_the_files(tmp_path: Path) -> None:
    old, new = issue_ca("old"), issue_ca("new")
    files = identity(tmp_path, old)
    assert files.ca
    assert files.certificate
    assert files.key
    ends = TlsEnds(KafkaConnection("k:1", files))
    first = dict(ends.read())
    assert first["certificate"] < first["authority"]
    assert ends.read() is ends.read(), "unchanged files are not read again"
    files.ca.write_bytes(issue_ca("older", 1_000).certificate + new.certificate)
    assert ends.read()["authority"] >= first["authority"], "the authority that lasts longest"
    files.key.write_bytes(b"rubbish")
    assert ends.read()["certificate"] == 0
    assert ends.problem is not None
    files.ca.unlink()
    assert ends.read()["authority"] == 0
    without = TlsEnds(KafkaConnection("k:1", TlsFiles(None, None, None)))
    assert without.read() == {}
