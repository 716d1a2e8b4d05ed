"""Rules of `agency.toml` that concern several settings at once."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from broker.agency.config_pairs import require_one, require_pair, require_place
from broker.agency.config_sections import (
    DESK,
    FOLDER,
    AdapterSection,
    ApiSection,
    FoldersSection,
    KafkaSection,
    PassphraseSection,
    VaultSection,
)
from broker.agency.delivery_sections import SftpSection, WebhookSection
from broker.agency.entry_names import usable_as_marker
from broker.errors import ConfigError
from broker.transport.access_token import wrong_endpoint

WITH_FILES: Final = frozenset({FOLDER, "sftp"})
"""Sources and sinks that exchange files of the format that the kind of adapter has."""
SASL: Final = frozenset({"scram", "oauthbearer"})
"""Values of `[kafka] security` that log in by SASL over TLS, without a client certificate."""
MARKER_FIX: Final = 'Correct the setting, for example: done_marker = ".done"'
"""Next step for a done marker that cannot be used."""


def require_passphrase_place(section: PassphraseSection, where: str) -> None:
    """Check that a secret has one place, and that a store is read in one way.

    Raises:
        ConfigError: `config_invalid`.
    """
    require_place(section, where, "passphrase")
    if section.vault is not None:
        _require_one_access(section.vault, f"{where}.vault")


def _require_one_access(vault: VaultSection, where: str) -> None:
    """Check that a store is read with a token, or with a role and its secret id."""
    by_role = vault.role_id is not None, vault.secret_id is not None
    if (vault.token is not None, *by_role) not in {(True, False, False), (False, True, True)}:
        raise ConfigError(
            "Either token, or role_id with secret_id, must be set.",
            code="config_invalid",
            where=where,
            fix='For example: token = { file = "vault-token" }',
        )
    for name, place in (("token", vault.token), ("secret_id", vault.secret_id)):
        if place is not None:
            require_place(place, f"{where}.{name}", "vault-token")


def require_complete(kafka: KafkaSection, where: str) -> None:
    """Check that a section has what its `security` needs.

    Raises:
        ConfigError: `config_invalid`; names the file and the setting.
    """
    for name in sorted(SASL):
        section = getattr(kafka, name)
        if section is None and kafka.security == name:
            raise ConfigError(
                f'The setting security is "{name}", but the section [kafka.{name}] is missing.',
                code="config_invalid",
                where=f"{where}: kafka.{name}",
                fix="Add the section, or correct security.",
            )
    if kafka.scram is not None:
        require_passphrase_place(kafka.scram.password, f"{where}: kafka.scram.password")
    if kafka.oauthbearer is not None:
        section = kafka.oauthbearer
        require_passphrase_place(section.client_secret, f"{where}: kafka.oauthbearer.client_secret")
        if wrong_endpoint(section.token_endpoint):
            raise ConfigError(
                "The token endpoint is not an https address.",
                code="config_invalid",
                where=f"{where}: kafka.oauthbearer.token_endpoint",
                fix='For example: token_endpoint = "https://login.example.org/oauth2/token"',
            )


def require_safe_api(api: ApiSection, where: str) -> None:
    """Check that the HTTP interface is served over TLS, unless only this machine can reach it.

    Raises:
        ConfigError: `config_api_plaintext` or `config_invalid`; names the file and the setting.
    """
    require_pair(api, "certificate", "key", f"{where}: api")
    if api.certificate is None and (api.client_ca is not None or not is_loopback(api.host)):
        raise ConfigError(
            "The HTTP interface would carry personal data without encryption.",
            code="config_api_plaintext",
            where=f"{where}: api.certificate",
            fix="Correct the section [api]: set certificate and key, or set host to 127.0.0.1 and "
            "leave out client_ca.",
        )


def require_files_of_a_format(adapter: AdapterSection, where: str) -> None:
    """Check that an agency with a desk exchanges no files, for which its kind has no format.

    Raises:
        ConfigError: `config_invalid`; names the file and the setting.
    """
    for side, name in (("source", adapter.source), ("sink", adapter.sink)):
        if adapter.kind == DESK and name in WITH_FILES:
            raise ConfigError(
                f'The kind "{DESK}" has no file format, so its {side} cannot be "{name}".',
                code="config_invalid",
                where=f"{where}: adapter.{side}",
                fix="Remove the setting, or set kind to that of the agency's own system.",
            )


def require_safe_webhook(webhook: WebhookSection | None, where: str, *, used: bool) -> None:
    """Check the addresses of the webhook, and that personal data leaves this machine over TLS only.

    Args:
        webhook: the section; None if the file has none.
        where: the file's name, for errors.
        used: whether the webhook is the adapter's sink.

    Raises:
        ConfigError: `config_webhook_plaintext` or `config_invalid`; names the file and the setting.
    """
    if webhook is None:
        if used:
            raise ConfigError(
                'The setting sink is "webhook", but the section [webhook] is missing.',
                code="config_invalid",
                where=f"{where}: webhook",
                fix='Add the section with url = "https://...", or correct sink.',
            )
        return
    for name, address in (("url", webhook.url), ("proxy", webhook.proxy)):
        if address is not None and _wrong_address(address):
            raise ConfigError(
                "The address is not http or https with a host, or it has a user name, a password "
                "or a fragment.",
                code="config_invalid",
                where=f"{where}: webhook.{name}",
                fix='For example: url = "https://housing.example.org/concordant"',
            )
    parts = urlsplit(webhook.url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ConfigError(
            "The webhook would carry personal data without encryption.",
            code="config_webhook_plaintext",
            where=f"{where}: webhook.url",
            fix="Correct the section [webhook]: use an address with https, or one of this machine, "
            "such as http://127.0.0.1:8080/events.",
        )
    require_pair(webhook, "certificate", "key", f"{where}: webhook")


def require_complete_sftp(sftp: SftpSection | None, where: str, *, used: bool) -> None:
    """Check that the SFTP section has a way of logging in, and that its folders differ.

    Args:
        sftp: the section; None if the file has none.
        where: the file's name, for errors.
        used: whether SFTP is the adapter's source or sink.

    Raises:
        ConfigError: `config_invalid`; names the file and the setting.
    """
    if sftp is None:
        if used:
            raise ConfigError(
                'The source or the sink is "sftp", but the section [sftp] is missing.',
                code="config_invalid",
                where=f"{where}: sftp",
                fix="Add the section with host, user and key, or correct [adapter].",
            )
        return
    require_one(sftp, ("key", "password"), f"{where}: sftp", 'For example: key = "sftp-key"')
    folders = [sftp.exports, sftp.archive, sftp.rejects, sftp.imports]
    if len({one.rstrip("/") for one in folders}) != len(folders):
        raise ConfigError(
            "Two folders of [sftp] are the same.",
            code="config_invalid",
            where=f"{where}: sftp",
            fix="Give exports, archive, rejects and imports a folder each.",
        )


def require_usable_markers(folders: FoldersSection, sftp: SftpSection | None, where: str) -> None:
    """Check that no done marker has an ending of unfinished files or of the adapter's reports.

    Raises:
        ConfigError: `config_invalid`; names the file and the setting.
    """
    for name, section in (("folders", folders), ("sftp", sftp)):
        if section is None or section.done_marker is None:
            continue
        if not usable_as_marker(section.done_marker):
            raise ConfigError(
                f'The ending "{section.done_marker}" cannot be a done marker: files with it are '
                "unfinished, or are reports of the adapter.",
                code="config_invalid",
                where=f"{where}: {name}.done_marker",
                fix=MARKER_FIX,
            )


def _wrong_address(address: str) -> bool:
    """Return whether an address cannot be called, or holds a secret that errors would show."""
    if not address.isascii() or not address.isprintable() or " " in address:
        return True
    try:
        parts = urlsplit(address)
        named = parts.username is None and parts.password is None and parts.port != 0
    except ValueError:
        return True
    return (
        not named or parts.scheme not in {"http", "https"} or not parts.hostname or ("#" in address)
    )


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine only.

    A name counts as an address of the network, because another machine may answer for it later.
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
