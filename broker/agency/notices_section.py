"""Section `[notices]` of `agency.toml`: mail and webhooks that tell people what needs them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints

from broker.agency.config_rules import is_loopback, require_passphrase_place
from broker.agency.config_sections import (
    SYSTEM_AUTHORITIES,
    PassphraseSection,
    Seconds,
    Section,
    Text,
)
from broker.agency.web_section import WebSection
from broker.errors import ConfigError

MailAddress = Annotated[
    str,
    StringConstraints(
        pattern=r"\A[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}\z", max_length=254
    ),
]

MailAddresses = Annotated[tuple[MailAddress, ...], Field(max_length=50, strict=False)]


class MailSection(Section):
    """Mail server for notices.

    Attributes:
        host: its name or address.
        port: its port.
        security: ``starttls``, ``tls`` from the first byte, or ``none`` on this machine only.
        sender: address that the mail comes from.
        recipients: addresses of caseworkers, who are told of referrals.
        operators: addresses of operators, who are told of troubles.
        user: account at the server, if it wants one.
        password: place of its password.
        ca: authority of the server's certificate.
        timeout: seconds for one step.
    """

    host: Text
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: MailAddress
    recipients: MailAddresses = ()
    operators: MailAddresses = ()
    user: Text | None = None
    password: PassphraseSection | None = None
    ca: Text = SYSTEM_AUTHORITIES
    timeout: Annotated[float, Field(ge=1, le=120)] = 20.0


class NoticeWebhookSection(Section):
    """Address that takes notices as signed requests.

    Attributes:
        url: the address.
        secret: file with the signing secret, in the form of Standard Webhooks.
        ca: authority of its certificate.
        timeout: seconds for a whole request.
    """

    url: Annotated[str, Field(min_length=1, max_length=2048)]
    secret: Text = "notices-secret"  # noqa: S105 - the name of a file
    ca: Text = SYSTEM_AUTHORITIES
    timeout: Annotated[float, Field(ge=1, le=60)] = 20.0


class NoticesSection(Section):
    """Notices of referrals to caseworkers and of troubles to operators, without personal data.

    Attributes:
        every: seconds between two looks.
        retry_most: longest pause between two attempts to send.
        trouble_after: seconds for which a trouble must last before operators are told.
        mail: by mail, to either.
        webhook: to caseworkers by a signed request.
        operator_webhook: to operators by a signed request.
    """

    every: Seconds = 60.0
    retry_most: Seconds = 3_600.0
    trouble_after: Seconds = 300.0
    mail: MailSection | None = None
    webhook: NoticeWebhookSection | None = None
    operator_webhook: NoticeWebhookSection | None = None

    @property
    def of_referrals(self) -> bool:
        """Return whether caseworkers are told of referrals."""
        return self.webhook is not None or (self.mail is not None and bool(self.mail.recipients))

    @property
    def of_troubles(self) -> bool:
        """Return whether operators are told of troubles."""
        mail = self.mail
        return self.operator_webhook is not None or (mail is not None and bool(mail.operators))

    def webhooks(self) -> Iterator[tuple[str, NoticeWebhookSection]]:
        """Yield the name and the settings of each webhook that is set."""
        if self.webhook is not None:
            yield "webhook", self.webhook
        if self.operator_webhook is not None:
            yield "operator_webhook", self.operator_webhook


def require_complete_notices(notices: NoticesSection | None, web: WebSection, where: str) -> None:
    """Check that notices have a way, and those of referrals an address of the pages to name.

    Raises:
        ConfigError: `config_invalid`; names the file and the setting.
    """
    if notices is None:
        return
    mail = notices.mail
    if mail is not None and not mail.recipients and not mail.operators:
        raise _wrong(
            "The mail of notices goes to no address.",
            f"{where}: notices.mail.recipients",
            "Set recipients for notices of referrals, operators for notices of troubles, or both.",
        )
    if not notices.of_referrals and not notices.of_troubles:
        raise _wrong("Notices need mail or a webhook.", f"{where}: notices", "Add [notices.mail].")
    if notices.of_referrals and web.address is None:
        raise _wrong(
            "Notices of referrals name the address of the pages, which is not set.",
            f"{where}: web.address",
            'For example: address = "https://desk.example.org"',
        )
    if mail is not None:
        _require_safe_mail(mail, f"{where}: notices.mail")
    for name, hook in notices.webhooks():
        _require_safe_address(hook.url, f"{where}: notices.{name}.url")


def _require_safe_address(url: str, where: str) -> None:
    parts = urlsplit(url)
    local = is_loopback(parts.hostname or "")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise _wrong(
            "The address of the webhook does not begin with https.",
            where,
            'For example: url = "https://chat.example.org/hooks/desk"',
        )


def _require_safe_mail(mail: MailSection, where: str) -> None:
    if mail.security == "none" and not is_loopback(mail.host):
        raise _wrong(
            "Mail without encryption is possible on this machine only.",
            f"{where}.security",
            'Use security = "starttls", or host = "127.0.0.1".',
        )
    if (mail.user is None) != (mail.password is None):
        missing = "user" if mail.user is None else "password"
        raise _wrong(
            "The mail server needs both user and password, or neither.",
            f"{where}.{missing}",
            "Correct or remove the setting.",
        )
    if mail.password is not None:
        require_passphrase_place(mail.password, f"{where}.password")


def _wrong(problem: str, where: str, fix: str) -> ConfigError:
    return ConfigError(problem, code="config_invalid", where=where, fix=fix)
