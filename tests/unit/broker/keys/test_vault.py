"""A passphrase in Vault or OpenBao, against a double of their HTTP API."""

from __future__ import annotations

import dataclasses
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.errors import KeyAccessError
from broker.keys.passphrase import PassphraseSource, load_passphrase
from broker.keys.secret_source import SecretSource, VaultSource
from broker.keys.vault import ANSWER_LIMIT_BYTES
from tests.support.vault_double import ROLE_ID, SECRET_ID, TOKEN, VaultDouble, vault_double

PASSPHRASE = "correct horse battery – staple"
PLACE = ("secret", "concordant/csu-camden")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultDouble]:
    with vault_double(tmp_path_factory.mktemp("vault")) as double:
        yield double


@pytest.fixture
def vault(server: VaultDouble) -> VaultDouble:
    """The store as it was at the beginning, with one secret."""
    fresh = VaultDouble(server.address, server.ca)
    for member in dataclasses.fields(fresh):
        setattr(server, member.name, getattr(fresh, member.name))
    server.secrets[PLACE] = {"passphrase": PASSPHRASE, "other": 7}
    return server


def source(vault: VaultDouble, **changes: object) -> PassphraseSource:
    asked = VaultSource(
        address=vault.address,
        mount=PLACE[0],
        path=PLACE[1],
        field="passphrase",
        kv_version=2,
        namespace=None,
        ca=vault.ca,
        token=SecretSource(environment="VAULT_TOKEN"),
        role_id=None,
        secret_id=None,
        approle_mount="approle",
    )
    return PassphraseSource(vault=dataclasses.replace(asked, **changes))  # type: ignore[arg-type]


ENVIRONMENT = {"VAULT_TOKEN": TOKEN}


def refusal(asked: PassphraseSource, environment: dict[str, str] | None = None) -> KeyAccessError:
    """The refusal, which holds nothing secret anywhere."""
    with pytest.raises(KeyAccessError) as caught:
        load_passphrase(asked, ENVIRONMENT if environment is None else environment)
    error = caught.value
    shown = error.diagnostics() + repr(error) + repr(error.__cause__) + repr(asked)
    for secret in (PASSPHRASE, TOKEN, SECRET_ID, "hvs."):
        assert secret not in shown
    assert error.fix
    assert error.exit_code == 3
    return error


def test_a_token_from_the_environment_a_file_or_a_credential(
    vault: VaultDouble, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    expected = PASSPHRASE.encode()
    assert load_passphrase(source(vault), ENVIRONMENT) == expected
    by_file = source(vault, token=SecretSource(file=tmp_path / "token"))
    assert load_passphrase(by_file, {}) == expected
    by_credential = source(vault, token=SecretSource(credential="token"))
    assert load_passphrase(by_credential, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == expected
    assert vault.asked == ["GET /v1/secret/data/concordant/csu-camden"] * 3


def test_version_1_of_the_engine_and_another_mount_and_field(vault: VaultDouble) -> None:
    vault.secrets_v1["kv/team", "x"] = {"value": PASSPHRASE}
    asked = source(vault, kv_version=1, mount="kv/team", path="x", field="value")
    assert load_passphrase(asked, ENVIRONMENT) == PASSPHRASE.encode()
    assert vault.asked == ["GET /v1/kv/team/x"]


def test_a_namespace_is_named(vault: VaultDouble) -> None:
    vault.namespace = "london/camden"
    assert refusal(source(vault)).code == "passphrase_missing"
    assert load_passphrase(source(vault, namespace="london/camden"), ENVIRONMENT)


def by_role(vault: VaultDouble, role_id: str = ROLE_ID) -> PassphraseSource:
    secret_id = SecretSource(environment="SECRET_ID")
    return source(vault, token=None, role_id=role_id, secret_id=secret_id)


def test_a_role_gets_a_token_for_one_request_and_ends_it(vault: VaultDouble) -> None:
    environment = {"SECRET_ID": SECRET_ID}
    assert load_passphrase(by_role(vault), environment) == PASSPHRASE.encode()
    assert vault.asked == [
        "POST /v1/auth/approle/login",
        "GET /v1/secret/data/concordant/csu-camden",
        "POST /v1/auth/token/revoke-self",
    ]
    assert vault.tokens == {TOKEN}
    vault.secrets.clear()
    refusal(by_role(vault), environment)
    assert vault.tokens == {TOKEN}, "the token of a refused request is ended too"


def test_a_token_or_a_role_that_is_not_accepted(vault: VaultDouble) -> None:
    other = {"VAULT_TOKEN": "hvs.of-yesterday"}
    assert refusal(source(vault), other).code == "passphrase_store_refused"
    vault.tokens.add(other["VAULT_TOKEN"])  # its operators renewed it
    assert load_passphrase(source(vault), other) == PASSPHRASE.encode()
    wrong = {"SECRET_ID": "another"}
    assert refusal(by_role(vault), wrong).code == "passphrase_store_refused"
    assert refusal(by_role(vault, "another"), {"SECRET_ID": SECRET_ID}).code == (
        "passphrase_store_refused"
    )


@pytest.mark.parametrize("token", ["hvs.a\r\nX-Vault-Namespace: x", "hvs.é", "hvs.a b"])
def test_a_token_that_would_end_its_header_is_not_sent(vault: VaultDouble, token: str) -> None:
    assert refusal(source(vault), {"VAULT_TOKEN": token}).code == "passphrase_store_refused"
    assert vault.asked == []


def test_without_a_token_nothing_is_asked(vault: VaultDouble, tmp_path: Path) -> None:
    assert refusal(source(vault), {}).code == "passphrase_missing"
    absent = source(vault, token=SecretSource(file=tmp_path / "absent"))
    assert refusal(absent).code == "passphrase_missing"
    assert refusal(by_role(vault), {}).code == "passphrase_missing"
    assert vault.asked == []


@pytest.mark.parametrize("fields", [None, {}, {"other": "x"}, {"passphrase": ""},
                                    {"passphrase": 7}, {"passphrase": "x" * 5000}])  # fmt: skip
def test_a_secret_without_the_passphrase(
    vault: VaultDouble, fields: dict[str, object] | None
) -> None:
    vault.secrets[PLACE] = fields
    error = refusal(source(vault))
    assert (error.code, error.where) == (
        "passphrase_missing",
        f"{vault.address} secret/concordant/csu-camden",
    )


def test_a_secret_that_is_absent(vault: VaultDouble) -> None:
    assert refusal(source(vault, path="other")).code == "passphrase_missing"


def test_a_sealed_store_answers_later(vault: VaultDouble) -> None:
    vault.sealed = True
    assert refusal(source(vault)).code == "passphrase_store_unreachable"
    vault.sealed = False
    assert load_passphrase(source(vault), ENVIRONMENT)


@pytest.mark.parametrize("status", [307, 412, 429, 473, 500, 502, 503])
def test_a_store_that_cannot_answer_now(vault: VaultDouble, status: int) -> None:
    vault.status = status, b'{"errors":["x"]}'
    assert refusal(source(vault)).code == "passphrase_store_unreachable"
    assert len(vault.asked) == 1, "a redirect is not followed"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"data":', b"[" * 100_000, b'{"data":1,"data":2}',
     b" " * (ANSWER_LIMIT_BYTES + 1)],
)  # fmt: skip
def test_an_answer_of_another_program(vault: VaultDouble, body: bytes) -> None:
    vault.status = 200, body
    assert refusal(source(vault)).code == "passphrase_store_unreachable"


@pytest.mark.parametrize("document", [[], 7, {"data": None}, {"data": {"data": [1]}}, {"auth": 1}])
def test_an_answer_of_another_form(vault: VaultDouble, document: object) -> None:
    vault.status = 200, json.dumps(document).encode()
    assert refusal(source(vault)).code == "passphrase_missing"
    assert refusal(by_role(vault), {"SECRET_ID": SECRET_ID}).code == "passphrase_store_unreachable"


def test_a_store_of_an_unknown_authority_is_not_told_the_token(vault: VaultDouble) -> None:
    assert refusal(source(vault, ca=None)).code == "passphrase_store_unreachable"
    assert vault.asked == []


def test_an_authority_that_cannot_be_read(vault: VaultDouble, tmp_path: Path) -> None:
    absent = refusal(source(vault, ca=tmp_path / "absent.pem"))
    (tmp_path / "text.pem").write_text("no certificate")
    other = refusal(source(vault, ca=tmp_path / "text.pem"))
    assert absent.code == other.code == "passphrase_store_unreachable"


def test_an_address_where_nothing_listens(vault: VaultDouble) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for address in (f"https://127.0.0.1:{port}", "https://127.0.0.1:70000"):
        assert refusal(source(vault, address=address)).code == "passphrase_store_unreachable"
