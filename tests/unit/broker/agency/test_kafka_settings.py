"""Connection to Kafka from `[kafka]`: the same for every client of this software."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.agency.config import parse_config
from broker.agency.config_sections import KafkaSection
from broker.agency.kafka_settings import connection_of, read_operator_file, require_complete
from broker.errors import ConfigError, TransportError
from broker.transport.certificates import issue_ca, issue_certificate, save_identity
from broker.transport.connection import OauthLogin, ScramLogin, admin_settings
from broker.transport.kafka.client import ClientSettings
from tests.support.config_text import config_text

SCRAM = """
security = "scram"
[kafka.scram]
username = "council-camden"
password = { file = "password" }
"""
OAUTH = """
security = "oauthbearer"
minimum_tls = "1.2"
ca = "system"
[kafka.oauthbearer]
token_endpoint = "https://login.example.org/token"
client_id = "council-camden"
client_secret = { environment = "KAFKA_SECRET" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    authority = issue_ca("d")
    certificate, key = issue_certificate(authority, "council-camden")
    save_identity(tmp_path / "tls", ca=authority.certificate, certificate=certificate, key=key)
    return tmp_path


def section(folder: Path, text: str) -> KafkaSection:
    path = folder / "operator.toml"
    path.write_text(f'[kafka]\nbootstrap = "k.example.org:9093"\n{text}')
    return read_operator_file(path)


def test_a_certificate_is_the_identity_by_default(folder: Path) -> None:
    connection = connection_of(section(folder, ""), folder, "council-camden")
    assert connection.login is None
    assert connection.minimum_tls == "1.3"
    assert ClientSettings(connection).options["security_protocol"] == "SSL"
    admin = admin_settings(connection)
    assert admin["security.protocol"] == "ssl"
    assert admin["ssl.key.location"] == str(folder / "tls/key.pem")


def test_an_operators_file_has_the_limits_of_a_configuration(folder: Path) -> None:
    long = f"{'.'.join(['a'] * 1500)} = 1\n"
    with pytest.raises(ConfigError) as wrong:
        section(folder, f"{long}")
    assert wrong.value.code == "config_unreadable"
    assert wrong.value.where == f"{folder / 'operator.toml'}:3"


def test_a_password_is_read_anew_each_time(folder: Path) -> None:
    connection = connection_of(section(folder, SCRAM), folder, "council-camden")
    client = ClientSettings(connection)
    with pytest.raises(TransportError) as missing:
        _ = client.options
    assert missing.value.code == "kafka_password_missing"
    (folder / "password").write_text("one\n")
    used = client.security
    assert used["sasl_plain_password"] == "one"
    assert not client.changed(used)
    (folder / "password").write_text("two\n")
    assert client.changed(used)
    admin = admin_settings(connection)
    assert admin["security.protocol"] == "sasl_ssl"
    assert (admin["sasl.username"], admin["sasl.password"]) == ("council-camden", "two")
    assert "ssl.key.location" not in admin, "no client certificate"
    assert client.security["sasl_mechanism"] == admin["sasl.mechanisms"] == "SCRAM-SHA-512"


def test_tokens_are_shared_by_all_clients_of_a_connection(folder: Path) -> None:
    connection = connection_of(section(folder, OAUTH), folder, "council-camden")
    assert isinstance(connection.login, OauthLogin)
    assert connection.login.tokens.endpoint.ca is None
    assert connection.tls.present == ()
    client = ClientSettings(connection)
    assert client.security["sasl_mechanism"] == "OAUTHBEARER"
    admin = admin_settings(connection)
    assert callable(admin["oauth_cb"])
    assert "ssl.cipher.suites" not in admin
    assert admin["ssl.ca.location"] == "probe"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('security = "scram"', "kafka.scram"),
        ('security = "oauthbearer"', "kafka.oauthbearer"),
        ('security = "plain"', "kafka.security"),
        ('minimum_tls = "1.1"', "kafka.minimum_tls"),
        (SCRAM.replace("file =", "vacuum ="), "kafka.scram.password.vacuum"),
        (SCRAM.replace('{ file = "password" }', "{}"), "kafka.scram.password"),
        (SCRAM.replace("}", ', environment = "X" }'), "kafka.scram.password"),
        (OAUTH.replace("https:", "http:"), "kafka.oauthbearer.token_endpoint"),
        (
            OAUTH.replace('{ environment = "KAFKA_SECRET" }', "{}"),
            "kafka.oauthbearer.client_secret",
        ),
        ('bootstrap = "a"', None),
    ],
)
def test_the_settings_that_security_needs_are_required(
    folder: Path, text: str, field: str | None
) -> None:
    with pytest.raises(ConfigError) as refused:
        section(folder, text)
    if field is not None:
        assert refused.value.code == "config_invalid"
        assert (refused.value.where or "").endswith(f": {field}")


def test_an_agencys_own_file_is_held_to_the_same_rules() -> None:
    text = config_text()
    assert parse_config(text.encode(), "x").kafka.security == "mtls"
    wrong = text.replace("[kafka]\n", '[kafka]\nsecurity = "scram"\n')
    with pytest.raises(ConfigError) as refused:
        parse_config(wrong.encode(), "agency.toml")
    assert refused.value.code == "config_invalid"
    assert refused.value.where == "agency.toml: kafka.scram"


def test_a_login_holds_no_secret_in_its_text(folder: Path) -> None:
    (folder / "password").write_text("hidden")
    connection = connection_of(section(folder, SCRAM), folder, "council-camden")
    assert isinstance(connection.login, ScramLogin)
    require_complete(section(folder, SCRAM), "x")
    assert "hidden" not in repr(connection)
