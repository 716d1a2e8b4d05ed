"""Notices to people: what they say, once for each cause, by a real mail server and receiver."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import replace
from gettext import NullTranslations
from pathlib import Path

import pytest

from adapters.http_api.server import server_context
from adapters.notices.loop import Notices
from adapters.notices.message import referral_message
from adapters.notices.ways import Mail, SignedRequest, Way
from broker.agency.config_sections import PassphraseSection
from broker.agency.notices_section import MailSection, NoticeWebhookSection
from broker.clock import now_ms
from broker.observing.metrics import Metrics
from broker.operations.desk.notices import NoticeCandidate, NoticeCause
from broker.store.database import Store, open_store
from broker.transport.certificates import issue_ca, issue_certificate, save_identity
from tests.support.mail_server import MailServer, mail_server
from tests.support.webhook_receiver import webhook_receiver
from tests.unit.contracts.test_phrases import Shouted

NOW = 1_762_000_000_000
ADDRESS = "https://desk.haven.example"
ENGLISH = NullTranslations()


def candidate(number: int, cause: NoticeCause = "new") -> NoticeCandidate:
    referral = f"{number}d1f6a52-93c1-4e8b-a2d4-51c6e09b7f38"
    return NoticeCandidate(
        cause, "fulfiller", referral, "csu-camden", NOW, f"{cause}/{referral}/csu-camden"
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "state.db")
    yield opened
    opened.close()


class Town:
    """Candidates of a notice, and the loop that tells people of them."""

    def __init__(self, store: Store, *ways: Way) -> None:
        self.found: Sequence[NoticeCandidate] = ()
        self.metrics = Metrics()
        self.ways = ways
        self.notices = Notices(
            lambda: self.found,
            lambda some: referral_message(some, ADDRESS, ENGLISH),
            ways,
            store,
            lambda: NOW,
            self.metrics,
            every_s=0.01,
            retry_most_s=0.02,
        )

    def round(self) -> list[str | None]:
        async def each() -> list[str | None]:
            return [await self.notices.round(way) for way in self.ways]

        return asyncio.run(each())


def mail(server: MailServer, root: Path, **more: object) -> Mail:
    settings = {
        "host": "127.0.0.1",
        "port": server.port,
        "security": "none",
        "sender": "desk@haven.example",
        "recipients": ("rosa@haven.example", "noor@haven.example"),
    }
    section = MailSection.model_validate(settings | more)
    return Mail("mail", section, section.recipients, root, lambda: NOW)


@pytest.mark.parametrize(
    ("causes", "text"),
    [
        (["new"], "You have 1 new referral."),
        (["new", "new", "overdue"], "You have 2 new referrals. 1 referral is overdue."),
        (["new", "urgent"], "You have 2 new referrals. 1 is urgent."),
        (["overdue", "overdue"], "2 referrals are overdue."),
    ],
)
def test_the_text_of_a_notice(causes: list[NoticeCause], text: str) -> None:
    message = referral_message(
        [candidate(n, one) for n, one in enumerate(causes)], ADDRESS, ENGLISH
    )

    assert message.text == f"{text} Open {ADDRESS}/inbox"


def test_a_mail_has_no_personal_data_and_comes_once(store: Store, tmp_path: Path) -> None:
    with mail_server(MailServer()) as server:
        town = Town(store, mail(server, tmp_path))
        town.found = [candidate(1), candidate(2, "overdue")]
        assert town.round() == [None]
        assert town.round() == [None]

    (sent,) = server.taken
    assert sent["To"] == "rosa@haven.example, noor@haven.example"
    assert sent["Auto-Submitted"] == "auto-generated"
    whole = sent.as_string()
    for secret in ("1d1f6a52", "csu-camden", "overdue/"):
        assert secret not in whole


def test_more_causes_than_one_message_takes_follow_in_the_next(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.notices.loop.MOST", 2)
    with mail_server(MailServer()) as server:
        town = Town(store, mail(server, tmp_path))
        town.found = [candidate(number) for number in range(3)]
        for _ in range(3):
            assert town.round() == [None]

    texts = [sent.get_payload(decode=True).decode() for sent in server.taken]
    assert [text.partition(" new")[0] for text in texts] == ["You have 2", "You have 1"]


def test_each_cause_of_a_referral_is_told_once(store: Store, tmp_path: Path) -> None:
    with mail_server(MailServer()) as server:
        town = Town(store, mail(server, tmp_path))
        for found in ([candidate(1)], [candidate(1, "overdue")], [candidate(1, "overdue")]):
            town.found = found
            town.round()
        again = Town(store, mail(server, tmp_path))
        again.found = town.found
        again.round()

    assert [one["Subject"] for one in server.taken] == [
        "You have 1 new referral",
        "1 referral is overdue",
    ]


def test_a_notice_waits_for_a_mail_server_that_is_down(store: Store, tmp_path: Path) -> None:
    with mail_server(MailServer()) as server:
        pass
    town = Town(store, mail(server, tmp_path))
    town.found = [candidate(1)]

    assert town.round() == ["notice_mail_unreachable"]
    assert town.notices.trouble() == "notice_mail_unreachable"
    assert 'concordant_notice_faults_total{kind="mail"} 1.0' in town.metrics.text().decode()
    with mail_server(server):
        assert town.round() == [None]
    assert town.notices.trouble() is None
    assert len(server.taken) == 1


@pytest.mark.parametrize("answer", ["550 no such account", "452 full"])
def test_a_mail_that_is_refused(store: Store, tmp_path: Path, answer: str) -> None:
    with mail_server(MailServer(refuse=answer)) as server:
        town = Town(store, mail(server, tmp_path))
        town.found = [candidate(1)]
        assert town.round() == ["notice_mail_refused"]
        server.refuse = None
        assert town.round() == [None]


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    authority = issue_ca("test")
    certificate, key = issue_certificate(authority, "mail", ["127.0.0.1"])
    save_identity(tmp_path / "tls", ca=authority.certificate, certificate=certificate, key=key)
    return server_context(tmp_path / "tls/cert.pem", tmp_path / "tls/key.pem", None)


def secret_file(root: Path, content: str) -> PassphraseSection:
    file = root / "mail-password"
    file.touch(0o600)
    file.write_text(content)
    return PassphraseSection(file=file.name)


@pytest.mark.parametrize(
    ("password", "ca", "code"),
    [
        ("right", "tls/ca.pem", None),
        ("wrong", "tls/ca.pem", "notice_mail_login"),
        ("", "tls/ca.pem", "notice_mail_login"),
        ("right", "system", "notice_mail_unreachable"),
        ("right", "none.pem", "notice_mail_unreachable"),
    ],
)
def test_mail_over_tls_with_an_account(
    store: Store, tmp_path: Path, tls: ssl.SSLContext, password: str, ca: str, code: str | None
) -> None:
    more = {"security": "starttls", "user": "desk", "password": secret_file(tmp_path, password)}
    with mail_server(MailServer(account=(b"desk", b"right")), tls) as server:
        town = Town(store, mail(server, tmp_path, ca=ca, **more))
        town.found = [candidate(1)]

        assert town.round() == [code]
    assert server.secure == ([True] if code is None else [])


@pytest.mark.parametrize(
    ("password", "ca", "code"),
    [
        ("right", "tls/ca.pem", None),
        ("wrong", "tls/ca.pem", "notice_mail_login"),
        ("right", "system", "notice_mail_unreachable"),
    ],
)
def test_mail_over_tls_from_the_first_byte(
    store: Store, tmp_path: Path, tls: ssl.SSLContext, password: str, ca: str, code: str | None
) -> None:
    more = {"security": "tls", "user": "desk", "password": secret_file(tmp_path, password)}
    with mail_server(MailServer(account=(b"desk", b"right")), tls, implicit=True) as server:
        town = Town(store, mail(server, tmp_path, ca=ca, **more))
        town.found = [candidate(1)]

        assert town.round() == [code]
    assert len(server.taken) == (code is None)


def test_a_mail_is_sent_again_if_the_adapter_ends_before_it_is_noted(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least once: the second mail has the id of the first."""
    with mail_server(MailServer()) as server:
        town = Town(store, mail(server, tmp_path))
        town.found = [candidate(1)]
        with monkeypatch.context() as patch:
            patch.setattr(Notices, "_told", _killed)
            with pytest.raises(KeyboardInterrupt):
                town.round()
        assert town.round() == [None]
        assert town.round() == [None]

    first, second = server.taken
    assert first["Message-ID"] == second["Message-ID"]


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_server_without_tls_gets_no_mail(store: Store, tmp_path: Path) -> None:
    """An attacker between the two cannot take STARTTLS away."""
    with mail_server(MailServer()) as server:
        town = Town(store, mail(server, tmp_path, security="starttls"))
        town.found = [candidate(1)]

        assert town.round() == ["notice_mail_unreachable"]
    assert server.taken == []


def test_a_signed_request(store: Store, tmp_path: Path) -> None:
    with webhook_receiver() as receiver:
        (tmp_path / "notices-secret").touch(0o600)
        (tmp_path / "notices-secret").write_text(receiver.secret)
        receiver.reply = lambda _: (503, {}, b"")
        way = SignedRequest("webhook", NoticeWebhookSection(url=receiver.url), tmp_path, now_ms)
        town = Town(store, way)
        town.found = [candidate(1), candidate(2, "urgent")]

        async def twice() -> list[str | None]:
            first = await town.notices.round(way)
            receiver.reply = lambda _: (204, {}, b"")
            second = await town.notices.round(way)
            await way.close()
            return [first, second]

        first, second = asyncio.run(twice())

    assert first is not None
    assert second is None
    assert receiver.refused == 0
    attempt, sent = receiver.taken
    assert attempt.message == sent.message
    assert sent.event == {
        "type": "concordant.notice",
        "text": f"You have 2 new referrals. 1 is urgent. Open {ADDRESS}/inbox",
        "counts": {"new": 1, "urgent": 1},
        "link": f"{ADDRESS}/inbox",
    }


def test_an_address_that_is_gone(store: Store, tmp_path: Path) -> None:
    with webhook_receiver() as receiver:
        (tmp_path / "notices-secret").touch(0o600)
        (tmp_path / "notices-secret").write_text(receiver.secret)
        receiver.reply = lambda _: (410, {}, b"")
        town = Town(
            store,
            SignedRequest("webhook", NoticeWebhookSection(url=receiver.url), tmp_path, now_ms),
        )
        town.found = [candidate(1)]

        assert town.round() == ["notice_webhook_refused"]


async def test_the_loop_tries_again_and_ends(store: Store, tmp_path: Path) -> None:
    with mail_server(MailServer(refuse="451 later")) as server:
        town = Town(store, mail(server, tmp_path))
        town.found = [candidate(1)]
        stop = asyncio.Event()
        running = asyncio.create_task(town.notices.run(stop))
        async with asyncio.timeout(60):
            while town.notices.trouble() is None:  # noqa: ASYNC110 - a thread changes it
                await asyncio.sleep(0.01)
            server.refuse = None
            while not server.taken:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            stop.set()
            await running

    assert len(server.taken) == 1


def test_a_message_about_sent_referrals_leads_to_their_list() -> None:
    overdue = candidate(1, "overdue")
    ours = replace(overdue, role="referrer")
    assert referral_message([ours], ADDRESS, ENGLISH).link == f"{ADDRESS}/sent"
    assert referral_message([ours, overdue], ADDRESS, ENGLISH).link == f"{ADDRESS}/inbox"


def test_a_notice_is_in_the_language_of_the_pages() -> None:
    message = referral_message([candidate(1, "overdue")], ADDRESS, Shouted())

    assert message.subject == "1 REFERRAL IS OVERDUE.!"
    assert message.text.startswith("1 REFERRAL IS OVERDUE.! ")
    assert message.counts == {"overdue": 1}
