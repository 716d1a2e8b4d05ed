"""Every alert fires in the state that it is for, and none fires while all is well.

Real adapters are brought into each state; what their /metrics answers before and after is given to
promtool as series.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from unittest import mock

import pytest
import yaml

from adapters.base import MappingError
from adapters.support import ADAPTER as OF_SUPPORT
from adapters.tables.scripts import tables_script
from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.agency.database_section import DatabaseSection
from broker.agency.own_manifest import suspend_contract
from broker.agency.participant import load_participant
from broker.clock import now_ms
from broker.control import named_manifests, watch
from broker.control.counts_publisher import CountsPublisher
from broker.control.statement_publisher import PublishedStatements
from broker.keys.issuing import ManifestChanges, issue_manifest
from broker.observing import logs
from broker.observing.logs import configure, logger
from broker.operations.contract_revision import revise_contract
from broker.receiving import persistence
from broker.record import Record
from broker.registry.newest_manifests import KnownDelegations, RegistryHash
from broker.registry.repository import manifest_name
from broker.service import service
from broker.store.database import open_store
from broker.store.rows import AttemptsRow, NewCopyRow, NewRecipientRow
from broker.transport.certificates import issue_ca, issue_certificate, save_identity
from contracts.calendar import AgreementDate
from tests.support.bus_servers import free_port
from tests.support.live_adapter import CAST, COUNCIL, POLICE, SUPPORT, copy_partnership, export
from tests.support.live_adapter import Partnership as Live
from tests.support.mail_server import MailServer, mail_server
from tests.support.postgres import OWNER, PASSWORD, postgres
from tests.support.promtool import ROOT, RULES, firing, require_promtool, series
from tests.support.state_places import require_postgres
from tests.support.webhook_receiver import webhook_receiver

MINUTE, DAY = 60_000, 86_400_000
CALM, GAP = 20, 2
"""Scrapes before and between (the adapter is down), one a minute."""


@dataclass(frozen=True)
class Shown:
    """Metrics of an adapter before a state and in it. It may have been restarted between."""

    before: str
    after: str
    restarted: bool = False


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("alerts") / "partnership"
    plans = {plan.id: plan for plan in london_agencies()}
    create_partnership(root, now_ms() - 60 * MINUTE, agencies=[plans[one] for one in CAST])
    return root


@pytest.fixture(autouse=True)
def _counts_come_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "COUNTS_EVERY_S", 0.2)


@pytest.fixture(autouse=True)
def _no_value_was_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start from 0, as a process does: the count is the process's, and other tests add to it."""
    monkeypatch.setattr(logs._allowed, "dropped", 0)


def has(name: str, **labels: str) -> Callable[[str], bool]:
    """The text has such a sample above 0."""
    inside = "".join(rf'(?=.*\b{key}="{value}")' for key, value in labels.items())
    pattern = re.compile(rf"^concordant_{name}(?:{inside}\{{.*\}})? (?!0\.0$)(?!-)\S+$", re.M)
    return lambda text: pattern.search(text) is not None


def lacks(name: str, **labels: str) -> Callable[[str], bool]:
    return lambda text: not has(name, **labels)(text)


def all_of(*wanted: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda text: all(one(text) for one in wanted)


async def delivered(live: Live, rows: int = 1) -> str:
    """The police send referrals, the support service has them; what it exposes then."""
    await live[SUPPORT].until(settled)
    live[POLICE].drop("good.csv", export(*[{}] * rows))
    return await live[SUPPORT].until(
        lambda text: lacks("inbox_undelivered")(text) and received(text) == rows and settled(text)
    )


def received(text: str) -> float:
    """Number of events received since it started."""
    return sum(map(float, re.findall(r"^concordant_events_received_total.* (\S+)$", text, re.M)))


ready = has("ready", check="kafka")


def settled(text: str) -> bool:
    """Ready, and every other agency was heard with the time of now; its counts are here."""
    return heard_all(text) and not counts_are_old(text)


def heard_all(text: str) -> bool:
    """Ready, and every other agency was heard with the time of now."""
    return ready(text) and not any(_older(agency, 60)(text) for agency in CAST)


def counts_are_old(text: str) -> bool:
    """The counts of a party are those of the week before last."""
    ages = re.findall(r"^concordant_counts_age_seconds\{.*\} (\S+)$", text, re.M)
    return any(float(age) > 9 * DAY / 1000 for age in ages)


def _days_left(text: str, what: str) -> list[float]:
    pattern = rf'^concordant_days_left\{{(?=.*what="{what}").*\}} (\S+)$'
    return [float(left) for left in re.findall(pattern, text, re.M)]


def renewed(text: str) -> bool:
    """Every adapter has renewed its manifest by itself."""
    manifests = _days_left(text, "manifest")
    return len(manifests) == len(CAST) and min(manifests) > 20


def manifest_ends_soon(text: str) -> bool:
    """The days that are left were worked out with the time of now."""
    return any(left < 10 for left in _days_left(text, "manifest"))


def certificate_ends_soon(text: str) -> bool:
    """The days that are left of the certificate were worked out."""
    return any(0 < left < 30 for left in _days_left(text, "certificate"))


# --- the states ----------------------------------------------------------------------------------


async def all_is_well(live: Live) -> Shown:
    await live.start(*CAST)
    calm = await live[SUPPORT].until(settled)
    return Shown(calm, await delivered(live, rows=2))


async def row_refused(live: Live) -> Shown:
    await live.start(POLICE, COUNCIL, SUPPORT)
    calm = await live[POLICE].until(settled)
    live[POLICE].drop("bad.csv", export({"OFFENCE_DATE": "31/02/2026"}, {}))
    after = await live[POLICE].until(
        all_of(has("items_refused_total", code="invalid_date"), has("held", kind="rows"))
    )
    return Shown(calm, after)


async def file_refused(live: Live) -> Shown:
    """A column is missing: the file as a whole."""
    await live.start(POLICE, COUNCIL, SUPPORT)
    calm = await live[POLICE].until(settled)
    live[POLICE].drop("bad.csv", export({}).replace(b"CRN,", b"CRN_NEW,", 1))
    return Shown(
        calm,
        await live[POLICE].until(
            all_of(has("held", kind="file"), has("items_refused_total"), settled)
        ),
    )


async def import_folder_gone(live: Live) -> Shown:
    await live.start(*CAST)
    calm = await live[POLICE].until(settled)
    (live[POLICE].folder / "import").rename(live[POLICE].folder / "away")
    return Shown(calm, await live[POLICE].until(lacks("ready", check="import")))


async def own_system_cannot_take_an_event(live: Live) -> Shown:
    await live.start(*CAST)
    calm = await live[SUPPORT].until(settled)
    fault = MappingError("no form for this", code="unknown_value")
    with mock.patch.object(type(OF_SUPPORT), "from_event", side_effect=fault):
        live[POLICE].drop("one.csv", export({}))
        after = await live[SUPPORT].until(all_of(has("held", kind="event"), settled))
    return Shown(calm, after)


async def record_refused(live: Live) -> Shown:
    await live.start(*CAST)
    calm = await delivered(live)
    live.put(Record(live.data_topics[0], 0, (), b"made by a stranger"))
    return Shown(calm, await live[SUPPORT].until(has("records_refused_total", step="0")))


async def forked(live: Live) -> Shown:
    """A fork that the reader meets between its start and the first scrape."""
    await live.start(*CAST)
    calm = await delivered(live)
    await live[POLICE].stop()
    (record,) = live.records()
    head = live[POLICE].head(record.topic, record.partition)
    await live[SUPPORT].stop()
    live.put(live[POLICE].fork(head))
    await live.start(POLICE, SUPPORT)
    after = await live[SUPPORT].until(
        all_of(
            has("alarms_total", code="equivocation"),
            has("streams_stopped", agency=POLICE),
            has("held", kind="stopped"),
            settled,
        )
    )
    return Shown(calm, after, restarted=True)


async def alarmed_at_the_next_start(live: Live) -> Shown:
    """An alarm that is counted, and then the adapter is restarted before the next scrape."""
    shown = await forked(live)
    await live[SUPPORT].stop()
    await live[SUPPORT].start()
    after = await live[SUPPORT].until(
        all_of(
            has("alarms_total", code="equivocation"),
            has("streams_stopped"),
            has("held", kind="stopped"),
            settled,
        )
    )
    return replace(shown, after=after)


async def records_withheld(live: Live) -> Shown:
    await live.start(*CAST)
    first, second, third = ({"CRN": "C1", "REFERRAL_NO": number} for number in ("1", "2", "3"))
    live[POLICE].drop("first.csv", export(first))
    calm = await live[SUPPORT].until(lambda text: settled(text) and received(text) == 1)
    await live[SUPPORT].stop()
    live[POLICE].drop("more.csv", export(second, third))
    await live[POLICE].until(lambda _text: len(live.records()) == 3)
    await live[POLICE].stop()
    live.withhold(live.records()[1])
    await live[SUPPORT].start()
    after = await live[SUPPORT].until(all_of(has("gaps_open", agency=POLICE), settled))
    return Shown(calm, after, restarted=True)


async def one_agency_silent(live: Live) -> Shown:
    """It was heard before."""
    await live.start(*CAST)
    calm = await live[SUPPORT].until(settled)
    await live.stop()
    await live.start(POLICE, SUPPORT, ahead_ms=10 * MINUTE)
    after = await live[SUPPORT].until(_older(COUNCIL, 300))
    return Shown(calm, after, restarted=True)


async def one_agency_never_heard(live: Live) -> Shown:
    await live.start(POLICE, SUPPORT)
    calm = await live[SUPPORT].until(
        lambda text: ready(text) and f'seconds{{agency="{COUNCIL}"}}' in text
    )
    await live.stop()
    await live.start(POLICE, SUPPORT, ahead_ms=10 * MINUTE)
    after = await live[SUPPORT].until(_older(COUNCIL, 300))
    return Shown(calm, after, restarted=True)


def _older(agency: str, seconds: int) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        ages = re.findall(
            rf'^concordant_heartbeat_age_seconds{{agency="{agency}"}} (\S+)$', text, re.M
        )
        return bool(ages) and float(ages[0]) > seconds

    return check


async def kafka_gone(live: Live) -> Shown:
    await live.start(*CAST)
    calm = await live[POLICE].until(settled)
    live.kafka.up = False
    live[POLICE].drop("one.csv", export({}))
    await live[POLICE].until(has("outbox_events"))
    await live[POLICE].stop()
    await live[POLICE].start(ahead_ms=10 * MINUTE)
    after = await live[POLICE].until(
        all_of(
            lacks("ready", check="kafka"),
            has("outbox_oldest_seconds"),
            has("held", kind="outbox"),
            _older(COUNCIL, 300),
        )
    )
    return Shown(calm, after, restarted=True)


async def record_larger_than_the_topic_takes(live: Live) -> Shown:
    """Signed, and not taken: only that topic waits."""
    await live.start(*CAST)
    calm = await live[POLICE].until(settled)
    for topic in live.data_topics:
        live.kafka.max_bytes[topic] = 1500
    live[POLICE].drop("one.csv", export({}))
    text = await live[POLICE].until(has("outbox_events", state="unsent"))
    assert has("relay_faults_total", code="kafka_record_too_large")(text)
    await live.stop()
    await live.start(*CAST, ahead_ms=10 * MINUTE)
    after = await live[POLICE].until(
        all_of(has("outbox_oldest_seconds"), has("held", kind="outbox"), settled)
    )
    return Shown(calm, after, restarted=True)


async def own_system_takes_nothing(live: Live) -> Shown:
    await live.start(*CAST)
    calm = await live[SUPPORT].until(settled)
    inbox = live[SUPPORT].folder / "inbox"
    inbox.rmdir()
    inbox.write_bytes(b"")
    live[POLICE].drop("one.csv", export({}))
    await live[SUPPORT].until(has("inbox_undelivered"))
    await live.stop()
    await live.start(*CAST, ahead_ms=15 * MINUTE)
    after = await live[SUPPORT].until(all_of(has("inbox_oldest_seconds"), settled))
    return Shown(calm, after, restarted=True)


async def a_referral_is_not_answered(live: Live) -> Shown:
    await live.start(*CAST)
    calm = await delivered(live)
    await live.stop()
    await live.start(*CAST, ahead_ms=20 * DAY)
    after = await live[SUPPORT].until(
        all_of(
            has("referrals_overdue"),
            has("alarms_total", code="referral_unacknowledged"),
            renewed,
            settled,
        )
    )
    return Shown(calm, after, restarted=True)


async def a_loop_hangs(live: Live) -> Shown:
    await live.start(*CAST)
    calm = await delivered(live)
    hung = asyncio.Event()

    async def hang(_records: object) -> list[int]:
        await hung.wait()
        return []

    live[SUPPORT].transport.send = hang  # type: ignore[method-assign]
    await asyncio.sleep(1.0)
    live[SUPPORT].monotonic_ahead_s = 900
    after = await live[SUPPORT].until(
        all_of(
            has("loop_late_seconds", loop="heartbeat"),
            lacks("loop_late_seconds", loop="watch"),
            lacks("loop_late_seconds", loop="import"),
        )
    )
    hung.set()
    return Shown(calm, after)


async def a_record_is_held(live: Live) -> Shown:
    """Its exchange key is gone: refused at step 5, kept for a person."""
    await live.start(*CAST)
    calm = await live[SUPPORT].until(settled)
    await live[SUPPORT].stop()
    for path in (live[SUPPORT].folder / "keys").glob("exchange-*"):
        path.rename(path.with_suffix(".away"))
    live[POLICE].drop("one.csv", export({}))
    await live[POLICE].until(has("events_published_total"))
    await live[SUPPORT].start()
    return Shown(
        calm, await live[SUPPORT].until(all_of(has("held", kind="record"), settled)), restarted=True
    )


async def a_record_waits_for_our_own_suspension(live: Live) -> Shown:
    """The support service suspended its part; what was logged for it before waits."""
    await live.start(*CAST)
    calm = await live[SUPPORT].until(settled)
    await live[SUPPORT].stop()
    live[POLICE].drop("one.csv", export({}))
    await live[POLICE].until(has("events_published_total"))
    suspending = load_participant(live[SUPPORT].folder, now_ms())
    name = suspending.contracts.trusted()[0].contract.name
    suspend_contract(suspending, name, "dispute", now_ms())
    await live[SUPPORT].start()
    return Shown(
        calm,
        await live[SUPPORT].until(all_of(has("held", kind="deferred"), settled)),
        restarted=True,
    )


async def a_quarantine_is_full(live: Live) -> Shown:
    """One refused record is all that it takes of a sender."""
    with mock.patch.object(persistence, "QUARANTINE_QUOTA", 1):
        return await a_record_is_held(live)


async def a_value_is_dropped_from_the_log(live: Live) -> Shown:
    await live.start(SUPPORT)
    calm = await live[SUPPORT].until(settled)
    configure(json=True)
    logger("test").info("event_accepted", victim_name="made up")
    return Shown(calm, await live[SUPPORT].until(has("log_values_dropped_total")))


async def a_certificate_is_not_renewed(live: Live) -> Shown:
    """It ends in 20 days, and the command of the agency fails."""
    await live.start(*CAST)
    calm = await live[SUPPORT].until(settled)
    await live[SUPPORT].stop()
    folder, begins = live[SUPPORT].folder, now_ms() - 345 * DAY
    authority = issue_ca("tests", begins)
    certificate, key = issue_certificate(authority, SUPPORT, now=begins)
    ca = authority.certificate
    save_identity(folder / "tls", ca=ca, certificate=certificate, key=key)
    with (folder / "agency.toml").open("a") as config:
        config.write('\n[kafka.renewal]\ncommand = ["false"]\n')
    await live[SUPPORT].start()
    failed = has("certificate_renewal_failed", code="renewal_failed")
    wanted = all_of(failed, certificate_ends_soon, settled)
    return Shown(calm, await live[SUPPORT].until(wanted), restarted=True)


async def a_manifest_is_not_renewed(live: Live) -> Shown:
    """The adapter lacks the manifest keys; the others renew."""
    await live.start(*CAST)
    calm = await live[SUPPORT].until(settled)
    await live.stop()
    for path in (live[SUPPORT].folder / "keys").glob("manifest-*"):
        path.rename(path.with_suffix(".away"))
    await live.start(*CAST, ahead_ms=22 * DAY)
    failed = has("manifest_renewal_failed", code="key_missing")
    after = await live[SUPPORT].until(all_of(failed, manifest_ends_soon, settled))
    return Shown(calm, after, restarted=True)


async def a_manifest_is_not_ours(live: Live) -> Shown:
    """Its manifest keys signed one that this folder did not make."""
    await live.start(*CAST)
    calm = await live[SUPPORT].until(settled)
    await live[SUPPORT].stop()
    participant = live[SUPPORT].participant()
    newest = participant.manifest(now_ms())
    made = issue_manifest(newest, ManifestChanges(), participant.manifest_signer(), now_ms())
    path = live[SUPPORT].folder / "manifests" / manifest_name(made)
    path.write_bytes(made.raw)
    await live[SUPPORT].start()
    wanted = all_of(has("manifests_not_ours"), has("alarms_total", code="manifest_not_ours"))
    return Shown(calm, await live[SUPPORT].until(all_of(wanted, settled)), restarted=True)


async def a_delegation_is_withheld(live: Live) -> Shown:
    """Each heartbeat names a manifest that the support service lacks, and other delegations."""
    await live.start(*CAST)
    calm = await live[SUPPORT].until(settled)
    pair = (RegistryHash(bytes(32), b"o" * 32), RegistryHash(bytes(32), b"t" * 32))
    codes = ("manifest_not_received", "registry_differs")
    wanted = [has(code) for code in codes] + [has("alarms_total", code=code) for code in codes]
    with (
        mock.patch.object(named_manifests, "lacks", return_value=True),
        mock.patch.object(named_manifests, "MISSING_AFTER_MS", 0),
        mock.patch.object(KnownDelegations, "differing", return_value=pair),
        mock.patch.object(named_manifests, "DIFFERS_AFTER_MS", 0),
    ):
        after = await live[SUPPORT].until(all_of(*wanted, settled))
    return Shown(calm, after)


async def a_delegation_ends(live: Live) -> Shown:
    await live.start(*CAST)
    calm = await live[SUPPORT].until(settled)

    def soon(_: object) -> int:
        return now_ms() + 80 * DAY

    with mock.patch.object(watch, "delegation_end", soon):
        after = await live[SUPPORT].until(lambda text: max(_days_left(text, "delegation")) < 90)
    return Shown(calm, after)


async def a_review_is_due(live: Live) -> Shown:
    await live.start(*CAST)
    calm = await live[SUPPORT].until(settled)
    soon = date.today() + timedelta(days=20)  # a day more or less is the same

    def due(_: object) -> tuple[AgreementDate, ...]:
        return (AgreementDate("review", "review", soon, ()),)

    with mock.patch.object(watch, "agreement_dates", due):
        after = await live[SUPPORT].until(
            lambda text: 'what="review"} 19' in text or 'what="review"} 20' in text
        )
    return Shown(calm, after)


async def a_version_awaits_our_signature(live: Live) -> Shown:
    await live.start(*CAST)
    calm = await live[SUPPORT].until(settled)
    await live[SUPPORT].stop()
    folder = live[SUPPORT].folder / "contracts"
    (before,) = folder.glob("*.yaml")
    revise_contract(
        before,
        add=(),
        remove=(),
        values={"retention.grace_days": "29"},
        out=folder / "next.yaml",
        now=now_ms(),
    )
    await live[SUPPORT].start()
    after = await live[SUPPORT].until(all_of(has("agreements_unsigned", by="us"), settled))
    return Shown(calm, after, restarted=True)


async def an_event_waits_for_an_agency(live: Live) -> Shown:
    await live.start(*CAST)
    calm = await live[SUPPORT].until(settled)
    await live[SUPPORT].stop()
    agency = load_participant(live[SUPPORT].folder, now_ms())
    store = open_store(agency.path(agency.config.state.database))
    added = now_ms() - 2 * DAY
    row = NewCopyRow("id", COUNCIL, bytes(32), "a.type", "suspended", b"x", added, added + 30 * DAY)
    with store.transaction() as tx:
        tx.copies.add_many([row])
    store.close()
    await live[SUPPORT].start()
    after = await live[SUPPORT].until(all_of(has("copies_oldest_seconds"), settled))
    return Shown(calm, after, restarted=True)


async def a_recipient_does_not_take_an_event(live: Live) -> Shown:
    await live.start(*CAST)
    calm = await live[SUPPORT].until(settled)
    await live[SUPPORT].stop()
    agency = load_participant(live[SUPPORT].folder, now_ms())
    store = open_store(agency.path(agency.config.state.database))
    with store.transaction() as tx:
        tx.recipients.add_many([NewRecipientRow("id", COUNCIL, None, None, DAY)], now_ms())
        tx.recipients.told(COUNCIL, "id", "put_aside", "mapping_failed", now_ms(), now_ms())
    store.close()
    await live[SUPPORT].start()
    shown = all_of(has("events_not_taken", state="put_aside"), settled)
    return Shown(calm, await live[SUPPORT].until(shown), restarted=True)


async def counts_do_not_come(live: Live) -> Shown:
    """Everything else flows."""
    await live.start(*CAST)
    calm = await live[SUPPORT].until(all_of(has("counts_age_seconds", agency=POLICE), settled))
    await live.stop()

    async def nothing(_: object) -> PublishedStatements:
        return PublishedStatements(())

    with mock.patch.object(CountsPublisher, "look", nothing):
        await live.start(*CAST, ahead_ms=10 * DAY)
        after = await live[SUPPORT].until(all_of(counts_are_old, heard_all))
    return Shown(calm, after, restarted=True)


async def own_system_sends_no_result(live: Live) -> Shown:
    settings = live[SUPPORT].folder / "agency.toml"
    text = settings.read_text().replace("[adapter]\n", '[adapter]\nsink = "http"\n')
    settings.write_text(f"{text}\n[api]\nresult_within = 0.5\n")
    await live.start(*CAST)
    calm = await live[SUPPORT].until(settled)
    live[POLICE].drop("one.csv", export({}))
    return Shown(calm, await live[SUPPORT].until(all_of(has("results_overdue"), settled)))


async def own_system_refuses_what_it_is_sent(live: Live) -> Shown:
    folder = live[SUPPORT].folder
    with webhook_receiver() as receiver:
        receiver.reply = lambda _: (500, {}, b"")
        settings = folder / "agency.toml"
        text = settings.read_text().replace("[adapter]\n", '[adapter]\nsink = "webhook"\n')
        settings.write_text(f'{text}\n[webhook]\nurl = "{receiver.url}"\n')
        (folder / "webhook-secret").write_text(receiver.secret)
        (folder / "webhook-secret").chmod(0o600)
        await live.start(*CAST)
        calm = await live[SUPPORT].until(settled)
        live[POLICE].drop("one.csv", export({}))
        await live[SUPPORT].until(has("deliveries_failing"))
        await live[SUPPORT].stop()
        agency = load_participant(folder, now_ms())
        store = open_store(agency.path(agency.config.state.database))
        now = now_ms()
        with store.transaction() as tx:
            (row,) = tx.inbox.undelivered(9)
            tx.attempts.end(row.seq)
            failed = AttemptsRow(row.seq, 9, now - 20 * MINUTE, now + DAY, "webhook_refused")
            tx.attempts.keep(failed)
        store.close()
        await live[SUPPORT].start()
        late = all_of(has("deliveries_failing_oldest_seconds"), settled)
        return Shown(calm, await live[SUPPORT].until(late), restarted=True)


async def people_cannot_be_told_of_referrals(live: Live) -> Shown:
    """The mail server is down; once it is back, the notice is sent."""
    with mail_server(MailServer()) as server:
        pass
    settings = live[SUPPORT].folder / "agency.toml"
    mail = f'host = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n'
    people = 'sender = "desk@haven.example"\nrecipients = ["rosa@haven.example"]\n'
    pages = '[web]\naddress = "https://desk.haven.example"\n'
    settings.write_text(
        f"{settings.read_text()}\n{pages}[notices]\nevery = 1.0\n[notices.mail]\n{mail}{people}"
    )
    await live.start(*CAST)
    calm = await live[SUPPORT].until(settled)
    live[POLICE].drop("one.csv", export({}))
    fails = has("notices_failing", kind="mail")
    after = await live[SUPPORT].until(all_of(fails, settled))
    with mail_server(server):
        await live[SUPPORT].until(has("notices_sent_total", kind="mail"))
    assert [one["Subject"] for one in server.taken] == ["You have 1 new referral"]
    assert "Exampleton" not in server.taken[0].as_string()
    return Shown(calm, after)


async def the_bus_does_not_answer(live: Live) -> Shown:
    await live.start(*CAST)
    calm = await live[SUPPORT].until(settled)
    await live[SUPPORT].stop()
    settings = live[SUPPORT].folder / "agency.toml"
    text = settings.read_text().replace("[adapter]\n", '[adapter]\nsink = "bus"\n')
    bus = f'kind = "kafka"\nservers = ["127.0.0.1:{free_port()}"]\ntls = false\n'
    settings.write_text(f"{text}\n[bus]\n{bus}")
    await live[SUPPORT].start()
    seen = 'concordant_ready{check="delivery"} 0.0'
    after = await live[SUPPORT].until(all_of(lambda text: seen in text, settled))
    return Shown(calm, after, restarted=True)


async def own_database_cannot_be_used(live: Live) -> Shown:
    settings = live[SUPPORT].folder / "agency.toml"
    text = settings.read_text().replace("[adapter]\n", '[adapter]\nsource = "database"\n')
    own = live[SUPPORT].folder / "own.db"
    settings.write_text(f'{text}\n[database]\npath = "{own}"\n')
    section = DatabaseSection(path=str(own))
    with sqlite3.connect(own) as connection:
        connection.executescript(tables_script(section, "sqlite"))
    connection.close()
    await live.start(*CAST)
    calm = await live[SUPPORT].until(settled)
    own.unlink()
    return Shown(calm, await live[SUPPORT].until(all_of(has("database_failed"), settled)))


async def another_adapter_is_away(live: Live) -> Shown:
    """The state is on a server, and an adapter that shared it was killed an hour ago."""
    require_postgres()
    server = postgres()
    database, agency = server.database(), live[SUPPORT]
    (agency.folder / "state-password").write_text(PASSWORD)
    place = f'url = "{server.url(database, OWNER)}"\npassword = {{ file = "state-password" }}\n'
    settings = agency.folder / "agency.toml"
    settings.write_text(settings.read_text().replace("[state]\n", f"[state]\n{place}", 1))
    await live.start(*CAST)
    calm = await agency.until(all_of(has("adapter_works"), has("adapter_starts"), settled))
    with server.owner(database) as connection:
        connection.execute(
            f'INSERT INTO "{SUPPORT}".lease (name, token, holder, taken_ms) '
            "VALUES ('adapter/other', 0, 'other:1', %s)",
            (now_ms() - 60 * MINUTE,),
        )
    return Shown(calm, await agency.until(all_of(has("adapters_missing"), settled)))


State = Callable[[Live], Awaitable[Shown]]

STATES: tuple[tuple[State, set[str]], ...] = (
    (all_is_well, set()),
    (row_refused, {"ExportRefused", "Held"}),
    (file_refused, {"ExportRefused", "Held"}),
    (import_folder_gone, {"NotReady"}),
    (own_system_cannot_take_an_event, {"Held"}),
    (record_refused, {"RecordsRefused"}),
    (forked, {"Alarm", "Held", "RecordsRefused", "StreamStopped"}),
    (alarmed_at_the_next_start, {"Alarm", "Held", "RecordsRefused", "StreamStopped"}),
    (records_withheld, {"Alarm", "RecordsMissing"}),
    (one_agency_silent, {"AgencySilent"}),
    (one_agency_never_heard, {"AgencySilent"}),
    (kafka_gone, {"AgencySilent", "Held", "NotReady", "OutboxStuck"}),
    (record_larger_than_the_topic_takes, {"Held", "OutboxStuck"}),
    (own_system_takes_nothing, {"InboxStuck"}),
    (own_system_sends_no_result, {"ResultsOverdue"}),
    (own_system_refuses_what_it_is_sent, {"DeliveriesFail"}),
    (people_cannot_be_told_of_referrals, {"NoticesNotSent"}),
    (the_bus_does_not_answer, {"BusUnavailable", "NotReady"}),
    (own_database_cannot_be_used, {"DatabaseFailed", "NotReady"}),
    (a_referral_is_not_answered, {"Alarm", "ReferralOverdue"}),
    (a_loop_hangs, {"LoopStuck"}),
    (a_record_is_held, {"Held", "RecordsRefused"}),
    (a_record_waits_for_our_own_suspension, {"Held"}),
    (a_quarantine_is_full, {"Held", "QuarantineFilling", "RecordsRefused"}),
    (a_value_is_dropped_from_the_log, {"LogDropsValues"}),
    (a_certificate_is_not_renewed, {"CertificateNotRenewed", "EndsSoon"}),
    (a_manifest_is_not_renewed, {"EndsSoon", "ManifestNotRenewed"}),
    (a_manifest_is_not_ours, {"Alarm", "ManifestNotOurs"}),
    (a_delegation_is_withheld, {"Alarm", "ManifestNotReceived", "RegistryDiffers"}),
    (a_delegation_ends, {"DelegationEnds"}),
    (a_review_is_due, {"AgreementDue"}),
    (a_version_awaits_our_signature, {"SignatureAwaited"}),
    (an_event_waits_for_an_agency, {"CopiesWait"}),
    (a_recipient_does_not_take_an_event, {"EventsNotTaken"}),
    (counts_do_not_come, {"CountsOld"}),
    (another_adapter_is_away, {"AdapterMissing"}),
)
OF_PROMETHEUS = {"AdapterDown", "AdapterGone"}
"""Alerts about scraping itself: an adapter that does not answer exposes nothing."""
OF_SEVERAL = {"AdaptersTakeTurns"}
"""It needs several adapters, one after another."""
PASSING = {"Alarm", "RecordsRefused", "ExportRefused"}
"""They say that something happened, and end by themselves; the others stay until it is mended."""


@pytest.mark.parametrize(("state", "alerts"), STATES, ids=lambda one: getattr(one, "__name__", ""))
async def test_each_state_alerts_and_nothing_else_does(
    made: Path, tmp_path: Path, state: State, alerts: set[str]
) -> None:
    require_promtool()
    live = copy_partnership(made, tmp_path)
    try:
        shown = await state(live)
    finally:
        await live.stop()
    between = [(None, GAP)] if shown.restarted else []
    last = 4 * 60
    begin = CALM + len(between) * GAP
    known = series((shown.before, CALM), *between, (shown.after, last))
    # a target that Prometheus has never seen before: what happened already is not lost
    known += series((None, begin), (shown.after, last), instance="b")
    calm, soon, later = firing(
        tmp_path, known, [CALM - 1, begin + 10, begin + last - 1], ["a", "b"]
    )
    assert calm == {"a": set(), "b": set()}
    assert soon == {"a": alerts, "b": alerts}
    assert later == {"a": alerts - PASSING, "b": alerts - PASSING}


def test_every_alert_has_its_state() -> None:
    rules = yaml.safe_load(RULES.read_text())
    names = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    assert names == (OF_PROMETHEUS | OF_SEVERAL).union(*(alerts for _, alerts in STATES))


def test_an_adapter_that_does_not_answer_or_is_no_longer_scraped(tmp_path: Path) -> None:
    require_promtool()
    up = 'up{instance="a",job="concordant"}'
    other = {"series": 'up{instance="b",job="concordant"}', "values": "1+0x60"}
    down = [{"series": up, "values": "1+0x10 0+0x40"}, other]
    assert firing(tmp_path, down, [9, 15], ["a"]) == [{"a": set()}, {"a": {"AdapterDown"}}]
    gone = [{"series": up, "values": "1+0x10 _x40"}, other]
    assert firing(tmp_path, gone, [9, 20], ["a"]) == [{"a": set()}, {"a": {"AdapterGone"}}]
    assert firing(tmp_path, [], [9], [""]) == [{"": {"AdapterGone"}}]


def test_adapters_that_take_over_from_each_other_again_and_again(tmp_path: Path) -> None:
    require_promtool()
    starts = 'concordant_adapter_starts{instance="a",job="concordant"}'
    once = [{"series": starts, "values": "0 7+0x20 8+0x60"}]
    assert firing(tmp_path, once, [30, 70], ["a"]) == [{"a": set()}, {"a": set()}]
    often = [{"series": starts, "values": "7+0x9 8+0x5 9+0x5 10+0x5 11+0x60"}]
    found = firing(tmp_path, often, [9, 35, 119], ["a"])
    assert found == [{"a": set()}, {"a": {"AdaptersTakeTurns"}}, {"a": set()}]


def test_a_counter_that_goes_back_is_a_restart_and_hides_nothing(tmp_path: Path) -> None:
    """The state was restored from a backup: what is counted anew alerts."""
    require_promtool()
    one = 'concordant_alarms_total{code="gap",instance="a",job="concordant"}'
    given = [{"series": one, "values": "5+0x40 0+0x20 1+0x40"}]
    assert firing(tmp_path, given, [58, 65], ["a"]) == [{"a": set()}, {"a": {"Alarm"}}]


def test_continuous_integration_installs_what_these_tests_need() -> None:
    text = (ROOT / ".ci/run").read_text()
    assert "CONCORDANT_REQUIRE_TOOLS=1" in text
    assert "prometheus" in text
