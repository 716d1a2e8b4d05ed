"""A double of HashiCorp Vault and OpenBao: their documented HTTP API, over TLS, in this process.

It answers `GET /v1/MOUNT/data/PATH` (version 2), `GET /v1/MOUNT/PATH` (version 1), `POST
/v1/auth/approle/login` and `POST /v1/auth/token/revoke-self` with the documented statuses and
bodies: 400 for a wrong role, 403 for a wrong token, 404 for an absent or deleted secret, 503 while
it is sealed.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from broker.transport.certificates import issue_ca, issue_certificate

TOKEN = "hvs.example-token-0000"
ROLE_ID, SECRET_ID = "59d6d1ca-47bb", "84896a0c-1347-aa90"


@dataclass
class VaultDouble:
    """A store with secrets, and what it was asked.

    Attributes:
        secrets: (mount, path) of version 2 -> fields; None: the newest version is deleted.
        secrets_v1: the same for version 1.
        sealed: whether it answers 503 to everything.
        status: answered to everything instead, with this body.
        namespace: that requests must name.
        asked: method and path of each request.
        tokens: tokens that are valid.
    """

    address: str
    ca: Path
    secrets: dict[tuple[str, str], dict[str, Any] | None] = field(default_factory=dict)
    secrets_v1: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    sealed: bool = False
    status: tuple[int, bytes] | None = None
    namespace: str | None = None
    asked: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        self.asked.append(f"{method} {path}")
        if self.status is not None:
            return self.status
        if self.sealed:
            return _errors(503, "Vault is sealed")
        if self.namespace is not None and headers.get("X-Vault-Namespace") != self.namespace:
            return _errors(404, "no handler for route")
        if (method, path) == ("POST", "/v1/auth/approle/login"):
            return self._login(json.loads(body))
        token = headers.get("X-Vault-Token")
        if token not in self.tokens:
            return _errors(403, "permission denied")
        if (method, path) == ("POST", "/v1/auth/token/revoke-self"):
            self.tokens.discard(token)
            return 204, b""
        return self._secret(path.removeprefix("/v1/"))

    def _login(self, given: dict[str, str]) -> tuple[int, bytes]:
        if given != {"role_id": ROLE_ID, "secret_id": SECRET_ID}:
            return _errors(400, "invalid role or secret ID")
        token = f"hvs.of-the-role-{len(self.asked)}"
        self.tokens.add(token)
        auth = {"client_token": token, "lease_duration": 1200, "renewable": True}
        return 200, json.dumps({"request_id": "x", "auth": auth, "data": None}).encode()

    def _secret(self, path: str) -> tuple[int, bytes]:
        for (mount, name), fields in self.secrets_v1.items():
            if path == f"{mount}/{name}":
                return 200, json.dumps({"request_id": "x", "data": fields}).encode()
        for (mount, name), fields2 in self.secrets.items():
            if path == f"{mount}/data/{name}":
                metadata = {"version": 3, "destroyed": False, "deletion_time": ""}
                document = {"data": {"data": fields2, "metadata": metadata}}
                return (404 if fields2 is None else 200), json.dumps(document).encode()
        return 404, b'{"errors":[]}'


def _errors(status: int, *texts: str) -> tuple[int, bytes]:
    return status, json.dumps({"errors": list(texts)}).encode()


@contextmanager
def vault_double(folder: Path) -> Iterator[VaultDouble]:
    """A store that listens on a free port of this machine, with a certificate of its own authority.

    Args:
        folder: for the authority's certificate and the server's key.
    """
    authority = issue_ca("vault")
    certificate, key = issue_certificate(authority, "vault", ["localhost", "127.0.0.1"])
    ca, pem, key_pem = folder / "vault-ca.pem", folder / "vault.pem", folder / "vault-key.pem"
    ca.write_bytes(authority.certificate)
    pem.write_bytes(certificate)
    key_pem.write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key_pem)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, content = double.answer(self.command, self.path, self.headers, body)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "https://other.example/v1/")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815 - names of the library

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] - a client that distrusts us
    double = VaultDouble(f"https://localhost:{server.server_address[1]}", ca)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
