"""Local token endpoint and JWKS, as an identity provider serves them: signed tokens, RS256."""

from __future__ import annotations

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote_plus

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

AUDIENCE = "kafka"


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class IdentityProvider:
    """Gives tokens to the clients that it knows, and publishes its key."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.life_s = 300
        self.given: list[str] = []
        self.key = rsa.generate_private_key(65537, 2048)
        self.scopes: list[str] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(200, {"keys": [provider.jwk()]})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = parse_qs(body)
                scheme, _, given = self.headers.get("Authorization", "").partition(" ")
                who, _, secret = base64.b64decode(given).decode().partition(":")
                client = unquote_plus(who)
                known = provider.secrets.get(client)
                if (
                    scheme != "Basic"
                    or form["grant_type"] != ["client_credentials"]
                    or known is None
                    or known != unquote_plus(secret)
                ):
                    self.answer(401, {"error": "invalid_client"})
                    return
                provider.given.append(client)
                provider.scopes += form.get("scope", [])
                token = provider.token(client)
                self.answer(
                    200,
                    {
                        "access_token": token,
                        "token_type": "Bearer",
                        "expires_in": provider.life_s,
                    },
                )

            def answer(self, status: int, document: object) -> None:
                content = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def jwk(self) -> dict[str, str]:
        numbers = self.key.public_key().public_numbers()
        return {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": "one",
            "n": _number(numbers.n),
            "e": _number(numbers.e),
        }

    def token(self, subject: str, *, key: rsa.RSAPrivateKey | None = None) -> str:
        """A token for a subject, signed with our key or another."""
        now = int(time.time())
        parts = (
            {"alg": "RS256", "typ": "JWT", "kid": "one"},
            {
                "iss": self.address,
                "sub": subject,
                "aud": AUDIENCE,
                "iat": now - 1,
                "exp": now + self.life_s,
                "scope": "kafka",
            },
        )
        text = ".".join(_b64(json.dumps(part).encode()) for part in parts)
        signed = (key or self.key).sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{_b64(signed)}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
