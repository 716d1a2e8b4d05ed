"""Settings `[notices]` of `agency.toml`: what belongs together, and what may go in clear."""

from __future__ import annotations

from typing import Any

import pytest

from broker.agency.notices_section import NoticesSection, require_complete_notices
from broker.agency.web_section import WebSection
from broker.errors import ConfigError

WEB = WebSection(address="https://desk.haven.example")
MAIL: dict[str, Any] = {
    "host": "mail.haven.example",
    "sender": "desk@haven.example",
    "recipients": ["rosa@haven.example"],
}
HOOK: dict[str, Any] = {"url": "https://chat.haven.example/hook"}


def refused(web: WebSection = WEB, **section: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        require_complete_notices(NoticesSection.model_validate(section), web, "agency.toml")
    assert caught.value.code == "config_invalid"
    return str(caught.value.where).removeprefix("agency.toml: ")


@pytest.mark.parametrize(
    "section",
    [
        {"mail": MAIL},
        {"mail": MAIL | {"security": "tls", "port": 465}},
        {"mail": MAIL | {"security": "none", "host": "127.0.0.1"}},
        {"mail": MAIL | {"user": "desk", "password": {"file": "mail-password"}}},
        {"webhook": HOOK},
        {"webhook": {"url": "http://127.0.0.1:8080/hook"}},
        {"mail": MAIL, "webhook": HOOK},
        {"mail": MAIL | {"operators": ["it@haven.example"]}, "operator_webhook": HOOK},
    ],
)
def test_settings_that_work(section: dict[str, Any]) -> None:
    require_complete_notices(NoticesSection.model_validate(section), WEB, "agency.toml")
    require_complete_notices(None, WebSection(), "agency.toml")


@pytest.mark.parametrize(
    ("section", "where"),
    [
        ({}, "notices"),
        ({"mail": MAIL | {"recipients": []}}, "notices.mail.recipients"),
        ({"mail": MAIL | {"security": "none"}}, "notices.mail.security"),
        (
            {"mail": MAIL | {"security": "none", "host": "127.0.0.1.evil.example"}},
            "notices.mail.security",
        ),
        ({"mail": MAIL | {"user": "desk"}}, "notices.mail.password"),
        ({"mail": MAIL | {"password": {"file": "mail-password"}}}, "notices.mail.user"),
        ({"webhook": {"url": "http://chat.haven.example/hook"}}, "notices.webhook.url"),
        (
            {"operator_webhook": {"url": "http://chat.haven.example/hook"}},
            "notices.operator_webhook.url",
        ),
        ({"webhook": {"url": "http://169.254.169.254/latest/meta-data"}}, "notices.webhook.url"),
        ({"webhook": {"url": "file:///etc/passwd"}}, "notices.webhook.url"),
        ({"webhook": {"url": "http://127.0.0.1@evil.example/"}}, "notices.webhook.url"),
    ],
)
def test_settings_that_are_refused(section: dict[str, Any], where: str) -> None:
    assert refused(**section) == where


def test_notices_of_referrals_need_the_address_of_the_pages() -> None:
    assert refused(WebSection(), mail=MAIL) == "web.address"
    assert refused(WebSection(), webhook=HOOK) == "web.address"


def test_notices_of_troubles_need_no_pages() -> None:
    mail = MAIL | {"recipients": [], "operators": ["it@haven.example"]}
    for section in ({"mail": mail}, {"operator_webhook": HOOK}):
        parsed = NoticesSection.model_validate(section)
        require_complete_notices(parsed, WebSection(), "agency.toml")
        assert (parsed.of_referrals, parsed.of_troubles) == (False, True)


@pytest.mark.parametrize(
    "address",
    [
        "rosa@haven.example\r\nBcc: evil@evil.example",
        "Rosa <rosa@haven.example>",
        "rosa",
        "a@b\n",
        "",
    ],
)
@pytest.mark.parametrize("setting", ["sender", "recipients", "operators"])
def test_an_address_adds_no_header_to_a_mail(setting: str, address: str) -> None:
    value: Any = address if setting == "sender" else [address]
    with pytest.raises(ValueError, match=setting):
        NoticesSection.model_validate({"mail": MAIL | {setting: value}})
