"""Settings `[web]` of `agency.toml` that decide whose word counts."""

from __future__ import annotations

from typing import Any

import pytest

from broker.agency.web_section import WebSection, require_safe_web
from broker.errors import ConfigError

TLS: dict[str, Any] = {"certificate": "cert.pem", "key": "key.pem"}
ROLES: dict[str, Any] = {"desk": ["caseworker"]}
PROXY: dict[str, Any] = {"addresses": ["10.7.0.9"], "roles": ROLES}
SHOWN: dict[str, Any] = {"certificate": "0" * 64, "client_ca": "ca.pem"}
OIDC: dict[str, Any] = {
    "issuer": "https://login.example.org",
    "client_id": "c",
    "client_secret": {"file": "f"},
    "roles": ROLES,
}


def refused(section: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        require_safe_web(WebSection.model_validate(section), "agency.toml")
    assert caught.value.code == "config_invalid"
    return str(caught.value.where).removeprefix("agency.toml: ")


@pytest.mark.parametrize(
    "section",
    [
        {"proxy": PROXY},
        {"proxy": PROXY | {"addresses": ["10.0.0.0/8", "fd00::/8"]}},
        {**TLS, "proxy": PROXY | SHOWN | {"addresses": ["0.0.0.0/0"]}},
        {"oidc": OIDC},
        {"oidc": OIDC | {"issuer": "http://127.0.0.1:8080"}},
    ],
)
def test_settings_that_work(section: dict[str, Any]) -> None:
    require_safe_web(WebSection.model_validate(section), "agency.toml")


@pytest.mark.parametrize(
    ("section", "where"),
    [
        ({"proxy": PROXY | {"addresses": ["10.7.0.9", "0.0.0.0/0"]}}, "web.proxy.addresses"),
        ({"proxy": PROXY | {"addresses": ["::/0"]}}, "web.proxy.addresses"),
        ({"proxy": PROXY | SHOWN}, "web.certificate"),
        ({**TLS, "proxy": PROXY | {"certificate": "0" * 64}}, "web.proxy.client_ca"),
        ({"proxy": PROXY, "oidc": OIDC}, "web.proxy"),
        ({"oidc": OIDC | {"issuer": "http://login.example.org"}}, "web.oidc.issuer"),
        ({"oidc": OIDC | {"issuer": "http://127.0.0.1.evil.example"}}, "web.oidc.issuer"),
        ({"address": "http://desk.example.org"}, "web.address"),
        ({"certificate": "cert.pem"}, "web.key"),
    ],
)
def test_settings_that_let_others_in(section: dict[str, Any], where: str) -> None:
    assert refused(section) == where
