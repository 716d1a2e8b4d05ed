"""Ways by which a notice goes out: mail over SMTP, and a signed request."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

import orjson

from adapters.notices.message import Message
from adapters.webhook.answers import Failed, Imported
from adapters.webhook.endpoint import EndpointSettings, WebhookEndpoint
from broker.agency.config_secrets import passphrase_source
from broker.agency.kafka_settings import authority_file
from broker.agency.notices_section import MailSection, NoticeWebhookSection
from broker.errors import KeyAccessError
from broker.keys.passphrase import load_passphrase
from broker.observing.metrics import NoticeWay

UNREACHABLE: Final = "notice_mail_unreachable"
REFUSED: Final = "notice_mail_refused"
LOGIN: Final = "notice_mail_login"
WEBHOOK: Final = "notice_webhook_refused"
TYPES: Final = {"referrals": "concordant.notice", "troubles": "concordant.trouble"}


class Way(Protocol):
    """One way.

    Attributes:
        name: its name in the state.
    """

    name: NoticeWay

    async def send(self, message: Message, key: str) -> str | None:
        """Send a message; return None, or the code of the fault.

        Args:
            message: the message.
            key: the same for each attempt at the same message.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class Mail:
    """Mail over SMTP, one connection for each message.

    Args:
        name: its name in the state.
        section: the server.
        recipients: addresses that it goes to.
        root: folder that the paths of the section are relative to.
        clock: () -> ms since the epoch.
    """

    def __init__(
        self,
        name: NoticeWay,
        section: MailSection,
        recipients: Sequence[str],
        root: Path,
        clock: Callable[[], int],
    ) -> None:
        self.name: NoticeWay = name
        self._recipients = recipients
        self._section = section
        self._root = root
        self._clock = clock

    async def send(self, message: Message, key: str) -> str | None:
        """See ``Way``."""
        return await asyncio.to_thread(self._send, message, key)

    async def close(self) -> None:
        """See ``Way``."""

    def _send(self, message: Message, key: str) -> str | None:
        try:
            with self._connected() as server:
                if not self._logged_in(server):
                    return LOGIN
                refused = server.send_message(self._mail(message, key))
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError):
            return REFUSED
        except (smtplib.SMTPException, OSError, ValueError):  # ssl.SSLError is an OSError
            return UNREACHABLE
        return REFUSED if refused else None

    def _logged_in(self, server: smtplib.SMTP) -> bool:
        """Log in, if an account is set; return whether that succeeded."""
        user, password = self._section.user, self._section.password
        if user is None or password is None:
            return True
        try:
            secret = load_passphrase(passphrase_source(password, self._root)).decode("utf-8")
            server.login(user, secret)
        except (smtplib.SMTPException, KeyAccessError, UnicodeError):
            return False  # a server may also hang up after a wrong password
        return True

    def _connected(self) -> smtplib.SMTP:
        section = self._section
        if section.security == "none":
            return smtplib.SMTP(section.host, section.port, timeout=section.timeout)
        authority = authority_file(section.ca, self._root)
        context = ssl.create_default_context(cafile=None if authority is None else str(authority))
        if section.security == "tls":
            return smtplib.SMTP_SSL(
                section.host, section.port, timeout=section.timeout, context=context
            )
        server = smtplib.SMTP(section.host, section.port, timeout=section.timeout)
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
        return server

    def _mail(self, message: Message, key: str) -> EmailMessage:
        section = self._section
        domain = section.sender.rpartition("@")[2]
        mail = EmailMessage()
        mail["Subject"] = message.subject
        mail["From"] = section.sender
        mail["To"] = ", ".join(self._recipients)
        mail["Date"] = format_datetime(datetime.fromtimestamp(self._clock() / 1000, UTC))
        mail["Message-ID"] = f"<{sha256(key.encode()).hexdigest()[:32]}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(f"{message.text}\n")
        return mail


class SignedRequest:
    """A request that is signed as Standard Webhooks defines it.

    Args:
        name: its name in the state.
        section: the address.
        root: folder that its paths are relative to.
        clock: () -> ms since the epoch.
    """

    def __init__(
        self,
        name: NoticeWay,
        section: NoticeWebhookSection,
        root: Path,
        clock: Callable[[], int],
    ) -> None:
        self.name: NoticeWay = name
        settings = EndpointSettings(
            section.url,
            root / section.secret,
            authority_file(section.ca, root),
            timeout_s=section.timeout,
            requests=1,
        )
        self._endpoint = WebhookEndpoint(settings, clock)

    async def send(self, message: Message, key: str) -> str | None:
        """See ``Way``."""
        body = {
            "type": TYPES[message.about],
            "text": message.text,
            "counts": dict(message.counts),
            "link": message.link,
        }
        identifier = f"msg_{sha256(key.encode()).hexdigest()[:32]}"
        match await self._endpoint.send(identifier, orjson.dumps(body)):
            case Imported():
                return None
            case Failed(code=code):
                return code
            case _:
                return WEBHOOK

    async def close(self) -> None:
        """See ``Way``."""
        await self._endpoint.close()
