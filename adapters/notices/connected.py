"""Notices of an adapter, from the section `[notices]`: of referrals, and of troubles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

from adapters.notices.loop import Notices
from adapters.notices.message import referral_message, trouble_message
from adapters.notices.ways import Mail, SignedRequest, Way
from adapters.texts import texts_of
from broker.agency.notices_section import NoticesSection
from broker.agency.participant import Participant
from broker.observing.metrics import Metrics
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.notices import NoticeCandidate, notice_candidates
from broker.operations.health.agency_health import Health, look_into
from broker.operations.health.lasting_troubles import LastingTroubles
from broker.operations.health.trouble import Trouble
from broker.store.database import Store

NoticeLoop: TypeAlias = Notices[NoticeCandidate] | Notices[Trouble]


def notices_of(
    participant: Callable[[], Participant],
    store: Store,
    clock: Callable[[], int],
    metrics: Metrics,
) -> tuple[NoticeLoop, ...]:
    """Return the notices for which `agency.toml` asks.

    Args:
        participant: () -> the agency as it was last loaded.
        store: its state.
        clock: () -> ms since the epoch.
        metrics: counts notices.

    Raises:
        ConfigError: `config_web_texts`: the texts of the language cannot be used.
    """
    section = participant().config.notices
    if section is None:
        return ()
    loops: list[NoticeLoop] = []
    if section.of_referrals:
        loops.append(_of_referrals(section, participant, store, clock, metrics))
    if section.of_troubles:
        loops.append(_of_troubles(section, participant, store, clock, metrics))
    return tuple(loops)


def _of_referrals(
    section: NoticesSection,
    participant: Callable[[], Participant],
    store: Store,
    clock: Callable[[], int],
    metrics: Metrics,
) -> Notices[NoticeCandidate]:
    """Return the loop that tells caseworkers of referrals."""
    config, root = participant().config, participant().root
    address = config.web.address
    assert address is not None  # the section of notices was checked when it was read
    ways: list[Way] = []
    if section.mail is not None and section.mail.recipients:
        ways.append(Mail("mail", section.mail, section.mail.recipients, root, clock))
    if section.webhook is not None:
        ways.append(SignedRequest("webhook", section.webhook, root, clock))

    def candidates() -> Iterator[NoticeCandidate]:
        return notice_candidates(DeskAgency(participant(), store, clock))

    return Notices(
        candidates,
        partial(referral_message, address=address, texts=texts_of(root, config.web.language)),
        ways,
        store,
        clock,
        metrics,
        every_s=section.every,
        retry_most_s=section.retry_most,
    )


def _of_troubles(
    section: NoticesSection,
    participant: Callable[[], Participant],
    store: Store,
    clock: Callable[[], int],
    metrics: Metrics,
) -> Notices[Trouble]:
    """Return the loop that tells operators of troubles."""
    own = participant()
    root, web = own.root, own.config.web
    ways: list[Way] = []
    if section.mail is not None and section.mail.operators:
        ways.append(Mail("operator-mail", section.mail, section.mail.operators, root, clock))
    if section.operator_webhook is not None:
        ways.append(SignedRequest("operator-webhook", section.operator_webhook, root, clock))

    def look() -> Health:
        with store.reading() as tx:
            return look_into(participant(), tx, clock())[1]

    troubles = LastingTroubles(look, round(section.trouble_after * 1000))
    return Notices(
        troubles.lasting,
        partial(
            trouble_message,
            agency=own.agency,
            root=root,
            address=web.address,
            texts=texts_of(root, web.language),
        ),
        ways,
        store,
        clock,
        metrics,
        every_s=section.every,
        retry_most_s=section.retry_most,
        over=troubles.over,
    )


def first_fault(loops: tuple[NoticeLoop, ...]) -> str | None:
    """Return the code of a way that does not work now; None if all do."""
    return next((code for one in loops if (code := one.trouble()) is not None), None)
