"""Notices of troubles to operators: by a real mail server and receiver, from a real agency."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from email.message import Message as Mail
from gettext import NullTranslations
from pathlib import Path

import pytest

from adapters.notices.connected import NoticeLoop, first_fault, notices_of
from adapters.notices.message import trouble_message
from broker.agency.participant import Participant, load_participant
from broker.agency.running import ADAPTER_LOCK
from broker.clock import now_ms
from broker.observing.metrics import Metrics
from broker.operations.health.trouble import Trouble
from broker.store.database import Store, open_store
from broker.store.exclusion import exclusive
from broker.store.rows import ReferralRow
from broker.transport.certificates import (
    CERTIFICATE_LIFE,
    issue_ca,
    issue_certificate,
    save_identity,
)
from contracts.durations import DAY_MS, HOUR_MS, MINUTE_MS
from contracts.phrases import N_
from tests.support.mail_server import MailServer, mail_server
from tests.support.trial_folder import trial_folder
from tests.support.webhook_receiver import webhook_receiver
from tests.unit.contracts.test_phrases import Shouted

AGENCY = "haven-support"
ENGLISH = NullTranslations()
KAFKA = Trouble(
    "kafka-unavailable",
    "now",
    N_("the adapter has not reached Kafka since 08:41 GMT"),
    N_("Run `concordant doctor --agency DIR`, then telephone Kafka's host."),
)
ENDING = Trouble(
    "ends-soon", "soon", N_("the certificate for Kafka ends in 9 days"), N_("Renew it.")
)

NOW = now_ms()
OVERDUE = ReferralRow(
    referral_id="5d1f6a52-93c1-4e8b-a2d4-51c6e09b7f38",
    case_id="93c14e8b-93c1-4e8b-a2d4-51c6e09b7f38",
    role="fulfiller",
    counterparty="csu-camden",
    status="requested",
    business_status=None,
    version=1,
    made_ms=NOW - DAY_MS,
    acknowledge_by_ms=NOW - HOUR_MS,
    respond_by_ms=None,
    updated_ms=NOW - DAY_MS,
    closed=False,
    event_source="csu-camden",
    event_id="a2d451c6-93c1-4e8b-a2d4-51c6e09b7f38",
)


class Agency:
    """An agency whose operators want notices, at a time that the test moves."""

    def __init__(self, root: Path, settings: str) -> None:
        self.root = root
        config = root / "agency.toml"
        config.write_text(f"{config.read_text()}\n{settings}\n")
        self.now = now_ms()  # an answer to an older request would be refused
        self.metrics = Metrics()
        self.store: Store = open_store(root / "state/concordant.db")
        self.loops = self.started()

    def participant(self) -> Participant:
        return load_participant(self.root, self.now)

    def started(self) -> tuple[NoticeLoop, ...]:
        """The loops of a process that starts now."""
        return notices_of(self.participant, self.store, lambda: self.now, self.metrics)

    def after(self, ms: int) -> list[str | None]:
        """Let so much time pass, and look once."""
        self.now += ms

        async def each() -> list[str | None]:
            return [await loop.round(way) for loop in self.loops for way in loop._ways]

        return asyncio.run(each())

    def certificate_ends_in(self, days: int) -> None:
        authority = issue_ca("host", self.now)
        issued = self.now - CERTIFICATE_LIFE // timedelta(milliseconds=1) + days * DAY_MS
        certificate, key = issue_certificate(authority, AGENCY, now=issued)
        save_identity(self.root / "tls", ca=authority.certificate, certificate=certificate, key=key)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(trial_folder() / AGENCY, tmp_path / AGENCY))


@contextmanager
def agency_of(folder: Path, settings: str) -> Iterator[Agency]:
    """The agency while its adapter runs."""
    with exclusive(folder / ADAPTER_LOCK):
        own = Agency(folder, settings)
        with closing(own.store):
            yield own


def text_of(mail: Mail) -> str:
    content = mail.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()


def mail_settings(port: int) -> str:
    return (
        '[notices]\ntrouble_after = 300\n[notices.mail]\nhost = "127.0.0.1"\n'
        f'port = {port}\nsecurity = "none"\nsender = "concordant@haven.example"\n'
        'operators = ["it@haven.example"]\n'
    )


def test_operators_are_told_of_a_certificate_once_for_each_urgency(folder: Path) -> None:
    with mail_server(MailServer()) as server, agency_of(folder, mail_settings(server.port)) as own:
        own.certificate_ends_in(20)
        assert own.after(0) == [None]
        assert server.taken == []  # it has not lasted yet
        assert own.after(5 * MINUTE_MS) == [None]
        assert own.after(MINUTE_MS) == [None]
        own.loops = own.started()  # a process that starts again tells nothing twice
        assert own.after(5 * MINUTE_MS) == [None]
        (first,) = server.taken
        own.after(14 * DAY_MS)
        own.after(5 * MINUTE_MS)

    assert first["To"] == "it@haven.example"
    assert "certificate" in text_of(first)
    assert str(own.root) in text_of(first)
    assert any("certificate" in text_of(one) for one in server.taken[1:])
    told = own.metrics.text().decode()
    assert f'concordant_notices_sent_total{{kind="operator-mail"}} {len(server.taken)}.0' in told


def test_a_trouble_that_comes_back_later_is_told_again(folder: Path) -> None:
    with mail_server(MailServer()) as server, agency_of(folder, mail_settings(server.port)) as own:
        for _ in range(2):
            own.certificate_ends_in(20)
            own.after(0)
            own.after(5 * MINUTE_MS)
            own.certificate_ends_in(300)
            own.after(0)
            own.after(HOUR_MS)

    assert sum("certificate" in text_of(one) for one in server.taken) == 2


def test_a_notice_of_troubles_says_nothing_about_a_person(folder: Path) -> None:
    """An overdue referral is counted; its case, its reference and its partner are not named."""
    with mail_server(MailServer()) as server, agency_of(folder, mail_settings(server.port)) as own:
        with own.store.transaction() as tx:
            tx.referrals.save(OVERDUE)
        assert own.after(0) == [None]

    (sent,) = server.taken
    assert "1 time limit has passed" in text_of(sent)
    for secret in (OVERDUE.referral_id, OVERDUE.case_id, OVERDUE.counterparty):
        assert secret not in sent.as_string()


def test_a_fault_of_the_mail_server_is_known(folder: Path) -> None:
    with mail_server(MailServer()) as server:
        pass
    with agency_of(folder, mail_settings(server.port)) as own:
        own.certificate_ends_in(20)
        own.after(0)
        assert own.after(5 * MINUTE_MS) == ["notice_mail_unreachable"]
        assert first_fault(own.loops) == "notice_mail_unreachable"


def test_a_signed_request_to_operators(folder: Path) -> None:
    with webhook_receiver() as receiver:
        receiver.reply = lambda _: (204, {}, b"")
        (folder / "operator-secret").touch(0o600)
        (folder / "operator-secret").write_text(receiver.secret)
        settings = f'[notices.operator_webhook]\nurl = "{receiver.url}"\nsecret = "operator-secret"'
        with agency_of(folder, settings) as own:
            own.certificate_ends_in(5)
            own.after(0)
            assert own.after(5 * MINUTE_MS) == [None]

    (sent,) = receiver.taken
    assert sent.event["type"] == "concordant.trouble"
    assert sent.event["counts"]["today"] == 1
    assert sent.event["link"] == ""


def test_the_most_pressing_trouble_is_the_subject() -> None:
    message = trouble_message([KAFKA, ENDING], AGENCY, Path("/srv/it's"), None, ENGLISH)

    assert message.subject.startswith(f"{AGENCY}: The adapter has not reached Kafka")
    assert "1 more" in message.subject
    assert message.counts == {"now": 1, "soon": 1}
    assert "concordant doctor --agency '/srv/it'\"'\"'s'" in message.text
    assert "DIR" not in message.text


def test_the_pages_are_named_if_there_are_some() -> None:
    address = "https://desk.haven.example"
    message = trouble_message([ENDING], AGENCY, Path("/srv/a"), address, ENGLISH)

    assert message.link == f"{address}/board"
    assert message.text.endswith(f"Open {address}/board")


def test_a_notice_of_troubles_is_in_the_language_of_the_pages() -> None:
    message = trouble_message([ENDING], AGENCY, Path("/srv/a"), None, Shouted())

    assert "THE CERTIFICATE FOR KAFKA ENDS" in message.subject
