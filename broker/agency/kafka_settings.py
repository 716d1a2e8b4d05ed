"""Connection to Kafka from a `[kafka]` section: that of an agency, or that of Kafka's operator.

The adapter, the subscriber, `doctor`, and `kafka plan` and `apply` all connect through
`connection_of`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from broker.agency.config import CONFIG_LIMIT_BYTES, invalid_setting, parse_toml
from broker.agency.config_rules import SASL, require_complete
from broker.agency.config_secrets import passphrase_source
from broker.agency.config_sections import SYSTEM_AUTHORITIES, KafkaSection, PassphraseSection
from broker.errors import ConfigError, KeyAccessError, TransportError
from broker.keys.passphrase import load_passphrase
from broker.transport.access_token import AccessTokens, TokenEndpoint
from broker.transport.connection import (
    KafkaConnection,
    Login,
    OauthLogin,
    ScramLogin,
    TlsFiles,
    wrong_address,
)
from contracts.bounded_file import read_bounded


class _OperatorFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kafka: KafkaSection


def connection_of(kafka: KafkaSection, folder: Path, client_id: str) -> KafkaConnection:
    """Return the connection that a section describes; nothing is read or opened yet.

    Args:
        kafka: a section that `require_complete` has checked.
        folder: folder that its paths are relative to.
        client_id: our name in Kafka's logs.
    """
    sasl = kafka.security in SASL
    files = TlsFiles(
        authority_file(kafka.ca, folder),
        None if sasl else folder / kafka.certificate,
        None if sasl else folder / kafka.key,
    )
    return KafkaConnection(
        kafka.bootstrap, files, client_id, _login(kafka, folder), kafka.minimum_tls
    )


def authority_file(setting: str, folder: Path) -> Path | None:
    """Return the file of a `ca` setting; None for the authorities of the operating system."""
    return None if setting == SYSTEM_AUTHORITIES else folder / setting


def read_operator_file(path: Path) -> KafkaSection:
    """Return the `[kafka]` section of the file of Kafka's operator.

    Raises:
        ConfigError: `file_unusable`, `config_unreadable` or `config_invalid`.
    """
    content = read_bounded(
        path,
        CONFIG_LIMIT_BYTES,
        ConfigError,
        code="file_unusable",
        what="file of the operator's settings",
        fix="Name the file with the [kafka] section. Check its owner and its permissions.",
    )
    try:
        found = _OperatorFile.model_validate(parse_toml(content, str(path)))
    except ValidationError as error:
        raise invalid_setting(error, str(path)) from None
    require_complete(found.kafka, str(path))
    if (address := wrong_address(found.kafka.bootstrap)) is not None:
        raise ConfigError(
            f"{address!r} is not HOST:PORT.",
            code="config_invalid",
            where=f"{path}: kafka.bootstrap",
            fix="For example: kafka.example.org:9092",
        )
    return found.kafka


def _login(kafka: KafkaSection, folder: Path) -> Login | None:
    if kafka.security == "scram" and kafka.scram is not None:
        read = _secret(kafka.scram.password, folder, "kafka.scram.password", "password")
        return ScramLogin(kafka.scram.username, read)
    if kafka.security == "oauthbearer" and kafka.oauthbearer is not None:
        section = kafka.oauthbearer
        setting = "kafka.oauthbearer.client_secret"
        endpoint = TokenEndpoint(
            section.token_endpoint,
            section.client_id,
            _secret(section.client_secret, folder, setting, "client secret"),
            authority_file(section.ca, folder),
            section.scope,
            section.audience,
        )
        return OauthLogin(AccessTokens(endpoint))
    return None


def _secret(section: PassphraseSection, folder: Path, setting: str, what: str) -> Callable[[], str]:
    """Return a reader of a secret, which is read anew each time."""

    def read() -> str:
        try:
            return load_passphrase(passphrase_source(section, folder)).decode("utf-8")
        except (KeyAccessError, UnicodeDecodeError) as error:
            where = error.where if isinstance(error, KeyAccessError) else None
            raise TransportError(
                f"the {what} for Kafka cannot be read, is empty or is too long",
                code="kafka_password_missing",
                where=where or setting,
                fix=f"Put the {what} where [{setting}] names it, on one line, readable by this "
                "account only.",
            ) from None

    return read
