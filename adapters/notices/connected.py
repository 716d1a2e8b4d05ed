"""Notices of an adapter, from the section `[notices]`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from adapters.notices.loop import Notices
from adapters.notices.message import referral_message
from adapters.notices.ways import Mail, SignedRequest, Way
from adapters.texts import texts_of
from broker.agency.participant import Participant
from broker.observing.metrics import Metrics
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.notices import NoticeCandidate, notice_candidates
from broker.store.database import Store


def notices_of(
    participant: Callable[[], Participant],
    store: Store,
    clock: Callable[[], int],
    metrics: Metrics,
) -> Notices | None:
    """Return the notices of an agency; None if `agency.toml` asks for none.

    Args:
        participant: () -> the agency as it was last loaded.
        store: its state.
        clock: () -> ms since the epoch.
        metrics: counts notices.

    Raises:
        ConfigError: `config_web_texts`: the texts of the language cannot be used.
    """
    config, root = participant().config, participant().root
    section, address = config.notices, config.web.address
    if section is None or address is None:
        return None
    ways: list[Way] = []
    if section.mail is not None:
        ways.append(Mail(section.mail, root, clock))
    if section.webhook is not None:
        ways.append(SignedRequest(section.webhook, root, clock))

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
