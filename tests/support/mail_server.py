"""A mail server on a free port (aiosmtpd), which keeps what it takes and can refuse."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class MailServer:
    """The server.

    Attributes:
        account: name and password that it asks for; none without.
        refuse: answer to a message in place of taking it.
        taken: messages.
        secure: whether each came over TLS.
    """

    account: tuple[bytes, bytes] | None = None
    refuse: str | None = None
    port: int = 0
    taken: list[Message] = field(default_factory=list)
    secure: list[bool] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refuse is not None:
            return self.refuse
        assert isinstance(envelope.content, bytes)
        self.taken.append(message_from_bytes(envelope.content))
        self.secure.append(session.ssl is not None)
        return "250 OK"

    def check(self, *given: Any) -> AuthResult:
        data = given[-1]
        assert isinstance(data, LoginPassword)
        # Not handled here: the server answers a wrong password itself, so the client need not wait.
        return AuthResult(success=(data.login, data.password) == self.account, handled=False)


class _Bound(Controller):
    """A controller whose port 0 is any free one."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(
    server: MailServer, context: ssl.SSLContext | None = None, *, implicit: bool = False
) -> Iterator[MailServer]:
    """Serve it, with STARTTLS if a context is given, or with TLS from the first byte."""
    more: dict[str, Any] = {}
    if context is not None and implicit:
        more |= {"ssl_context": context}
    elif context is not None:
        more |= {"tls_context": context, "require_starttls": True}
    if server.account is not None:
        more |= {"authenticator": server.check, "auth_required": True}
        more |= {"auth_require_tls": context is not None and not implicit}
    controller = _Bound(server, "127.0.0.1", server.port, **more)
    controller.start()
    server.port = controller.port
    try:
        yield server
    finally:
        controller.stop()
