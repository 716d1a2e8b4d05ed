"""Logins to a real Kafka with a password and with tokens that a JWKS verifies."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives.asymmetric import rsa

from adapters.trial_partnership import create_partnership
from broker.agency.config import load_config
from broker.agency.kafka_settings import connection_of, read_operator_file
from broker.clock import now_ms
from broker.errors import TransportError
from broker.transport.access_token import AccessToken, AccessTokens, TokenEndpoint
from broker.transport.connection import (
    KafkaConnection,
    OauthLogin,
    ScramLogin,
    TlsFiles,
    admin_settings,
)
from broker.transport.kafka import KafkaTransport
from broker.transport.kafka.rights import try_login
from broker.transport.provisioning import Provisioner, plan_changes
from broker.transport.topics import AclPlan, TopicPlan
from tests.integration.conftest import RealKafka
from tests.integration.kafka_listeners import OAUTH, SCRAM, SESSION_MS
from tests.integration.transport_behaviour import Inbox, many, receiving, until
from tests.support.command_line import run

pytestmark = pytest.mark.kafka
AGENCY = "council-camden"


def scram_user(kafka: RealKafka, name: str, password: str) -> None:
    """Give a principal a password, as the host of Kafka does."""
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    wanted = UserScramCredentialUpsertion(name, info, password.encode())
    admin = AdminClient(admin_settings(kafka.local.connection))
    for answer in admin.alter_user_scram_credentials([wanted]).values():
        answer.result()


def trusting(kafka: RealKafka) -> TlsFiles:
    return TlsFiles(kafka.local.folder / "tls" / "ca.pem", None, None)


def with_password(kafka: RealKafka, name: str, password: str) -> KafkaConnection:
    login = ScramLogin(name, lambda: password)
    return KafkaConnection(kafka.local.sasl_bootstrap(SCRAM), trusting(kafka), name, login, "1.2")


def with_tokens(kafka: RealKafka, name: str, secret: str) -> KafkaConnection:
    endpoint = TokenEndpoint(f"{kafka.provider.address}/token", name, lambda: secret, scope="kafka")
    login = OauthLogin(AccessTokens(endpoint))
    return KafkaConnection(kafka.local.sasl_bootstrap(OAUTH), trusting(kafka), name, login)


@pytest.fixture
def topic(real_kafka: RealKafka) -> str:
    """A topic that ada may use."""
    deployment = real_kafka.fresh_name()
    name = f"{deployment}.c.a"
    rights = [
        AclPlan("User:ada", "topic", name, "read"),
        AclPlan("User:ada", "topic", name, "write"),
        AclPlan("User:ada", "group", "ada.", "read", True),
    ]
    provisioner = Provisioner(real_kafka.local.connection)
    plan = TopicPlan(name, 1, 86_400_000, "delete", {"compression.type": "zstd"})
    provisioner.apply(provisioner.plan(deployment, [plan], rights))
    scram_user(real_kafka, "ada", "pass word")
    real_kafka.provider.secrets["ada"] = "ada's secret"
    return name


async def test_records_go_and_come_with_a_password_over_tls_1_2(
    real_kafka: RealKafka, topic: str
) -> None:
    ada = KafkaTransport(with_password(real_kafka, "ada", "pass word"), group=f"ada.{topic}")
    inbox = Inbox()
    async with receiving(ada, topic, inbox):
        await ada.send(many(topic, 0, 3))
        await until(lambda: len(inbox.records) == 3)
    await ada.close()


def test_tls_1_2_is_spoken_only_where_it_is_configured(real_kafka: RealKafka, topic: str) -> None:
    """This listener has no TLS 1.3; aiokafka and librdkafka both refuse it by default."""
    ada = with_password(real_kafka, "ada", "pass word")
    strict = KafkaConnection(ada.bootstrap, ada.tls, ada.client_id, ada.login)
    try_login(ada, 10)
    with pytest.raises(TransportError) as refused:
        try_login(strict, 10)
    assert refused.value.code == "kafka_unreachable"
    AdminClient(admin_settings(ada)).list_topics(timeout=10)
    from confluent_kafka import KafkaException

    with pytest.raises(KafkaException):
        AdminClient(admin_settings(strict)).list_topics(timeout=2)


async def test_a_wrong_password_is_told_and_corrected(real_kafka: RealKafka, topic: str) -> None:
    for wrong in (with_password(real_kafka, "ada", "else"), with_password(real_kafka, "eve", "x")):
        with pytest.raises(TransportError) as refused:
            await asyncio.to_thread(try_login, wrong, 10)
        assert refused.value.code == "kafka_login_refused"
    # A password that is changed on Kafka and here counts without a restart.
    password = "else"
    login = ScramLogin("ada", lambda: password)
    bootstrap = real_kafka.local.sasl_bootstrap(SCRAM)
    connection = KafkaConnection(bootstrap, trusting(real_kafka), "ada", login, "1.2")
    ada, inbox = KafkaTransport(connection, group=f"ada.{topic}", send_timeout_s=5), Inbox()
    async with receiving(ada, topic, inbox):
        with pytest.raises(TransportError):
            await ada.send(many(topic, 0, 1))
        password = "pass word"
        await ada.send(many(topic, 0, 1))
        await until(lambda: len(inbox.records) == 1)
    await ada.close()


async def test_tokens_are_renewed_while_records_flow(real_kafka: RealKafka, topic: str) -> None:
    """Kafka ends each session after some seconds; the tokens here live a little longer."""
    provider = real_kafka.provider
    provider.life_s, provider.given[:] = 7, []
    try:
        ada = KafkaTransport(with_tokens(real_kafka, "ada", "ada's secret"), group=f"ada.{topic}")
        inbox, sent, began = Inbox(), 0, time.monotonic()
        async with receiving(ada, topic, inbox):
            while time.monotonic() - began < 2.5 * SESSION_MS / 1000:
                await ada.send(many(topic, 0, 1, sent))
                sent += 1
                await asyncio.sleep(0.3)
            await until(lambda: len(inbox.records) >= sent)
        await ada.close()
    finally:
        provider.life_s = 300
    assert 2 <= len(provider.given) <= 5, "one token serves all connections until it ends"
    assert set(provider.scopes) == {"kafka"}


def test_kafka_believes_only_tokens_of_the_published_key(real_kafka: RealKafka, topic: str) -> None:
    provider = real_kafka.provider
    try_login(with_tokens(real_kafka, "ada", "ada's secret"), 10)
    forged = with_tokens(real_kafka, "ada", "ada's secret")
    assert isinstance(forged.login, OauthLogin)
    other = rsa.generate_private_key(65537, 2048)
    ends = now_ms() + 60_000
    forged.login.tokens.current = lambda: AccessToken(provider.token("ada", key=other), ends)  # type: ignore[method-assign]
    with pytest.raises(TransportError) as refused:
        try_login(forged, 10)
    assert refused.value.code == "kafka_login_refused"
    with pytest.raises(TransportError) as unknown:
        try_login(with_tokens(real_kafka, "ada", "wrong"), 10)
    assert unknown.value.code == "kafka_token_refused"


@pytest.fixture(scope="module")
def partnership(session_kafka: RealKafka, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sasl") / "p"
    return create_partnership(folder, now_ms(), deployment=session_kafka.fresh_name()).root


@pytest.mark.parametrize("security", ["mtls", "scram", "oauthbearer"])
def test_plan_apply_and_doctor_take_each_way_of_logging_in(
    real_kafka: RealKafka, partnership: Path, tmp_path: Path, security: str
) -> None:
    """The operator and an agency log in alike; doctor proves the agency's rights."""
    folder = tmp_path / AGENCY
    shutil.copytree(partnership / AGENCY, folder)
    deployment = load_config(folder).deployment
    sections = {}
    for name in ("kafka-operator", AGENCY):
        scram_user(real_kafka, name, f"{name} password")
        real_kafka.provider.secrets[name] = f"{name} secret"
        secrets = tmp_path / f"secrets of {name}"
        secrets.mkdir()
        (secrets / "password").write_text(f"{name} password\n")
        (secrets / "secret").write_text(f"{name} secret\n")
        sections[name] = _section(real_kafka, security, name, secrets)
    operator = tmp_path / "operator.toml"
    operator.write_text(sections["kafka-operator"])
    config = folder / "agency.toml"
    before, _, rest = config.read_text().partition("[kafka]\n")
    config.write_text(f"{before}{sections[AGENCY]}{rest[rest.index(chr(10) + '[') :]}")

    given = ("--agency", folder, "--operator", operator)
    assert run("kafka", "apply", *given).code == 0
    assert run("kafka", "plan", *given).out == b""
    proven = _doctor(folder)
    statuses = {proven[name]["status"] for name in ("kafka", "rights", "other rights")}
    assert statuses == {"ok"}, proven

    user = f"User:{AGENCY}"
    ours = AclPlan(user, "group", f"{deployment}.{AGENCY}.", "read", prefixed=True)
    wrong = {
        AclPlan(user, "group", f"{deployment}.cps-london.", "read", prefixed=True),
        AclPlan(user, "topic", f"{deployment}.applied", "write"),
    }
    host = Provisioner(connection_of(read_operator_file(operator), tmp_path, "kafka-operator"))
    found = host.find(deployment)
    host.apply(
        [c for c in plan_changes([], (found.rights | wrong) - {ours}, found) if c.right is not None]
    )
    broken = _doctor(folder)
    assert broken["rights"]["code"] == "right_missing"
    assert broken["other rights"]["code"] == "right_excess"


def _section(kafka: RealKafka, security: str, name: str, folder: Path) -> str:
    ca = kafka.local.folder / "tls" / "ca.pem"
    if security == "mtls":
        tls = kafka.connection(name).tls if name != "kafka-operator" else kafka.local.connection.tls
        return (
            f'[kafka]\nbootstrap = "{kafka.local.bootstrap}"\nca = "{tls.ca}"\n'
            f'certificate = "{tls.certificate}"\nkey = "{tls.key}"\n'
        )
    if security == "scram":
        return (
            f'[kafka]\nbootstrap = "{kafka.local.sasl_bootstrap(SCRAM)}"\nca = "{ca}"\n'
            f'security = "scram"\nminimum_tls = "1.2"\n[kafka.scram]\nusername = "{name}"\n'
            f'password = {{ file = "{folder / "password"}" }}\n'
        )
    return (
        f'[kafka]\nbootstrap = "{kafka.local.sasl_bootstrap(OAUTH)}"\nca = "{ca}"\n'
        f'security = "oauthbearer"\n[kafka.oauthbearer]\nclient_id = "{name}"\n'
        f'token_endpoint = "{kafka.provider.address}/token"\n'
        f'client_secret = {{ file = "{folder / "secret"}" }}\n'
    )


def _doctor(folder: Path) -> dict[str, dict[str, str]]:
    done = run("doctor", "--agency", str(folder), "--json", "--timeout", "20")
    ranks = {"skipped": 0, "ok": 1, "warn": 2, "fail": 3}
    checks = sorted(done.json["checks"], key=lambda check: ranks[check["status"]])
    return {check["name"]: check for check in checks}
