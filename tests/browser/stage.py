"""Agencies with something on each page: events, a version to sign, a desk with referrals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from adapters.trial_agencies import london_agencies
from adapters.web.serving import WebServer
from broker.agency.participant import load_participant
from broker.directory.listing_file import FILE_NAME
from broker.operations.bundles import add_bundles
from broker.operations.directory.publishing import (
    StatedCapacity,
    publish_listing,
    state_capacity,
)
from broker.operations.figures import release_figures
from broker.sending.publishing import Publisher
from broker.sending.sealing_context import event_sealer
from broker.store.database import open_store
from contracts.examples import example
from contracts.loading import shipped_terms
from tests.support.desk_partnership import desk_partnership
from tests.support.founded_partnership import (
    COUNCIL,
    HOUR,
    MADE,
    NOW,
    POLICE,
    SUPPORT,
    FoundedPartnership,
    found_with,
    founded,
)
from tests.support.held_listing import hold_listing, own_content
from tests.support.listings import FILE
from tests.support.next_version import propose
from tests.support.recorded_cases import RecordedCases, record_cases
from tests.support.web_visitor import Visitor
from tests.unit.adapters.web.desk.test_story import deliver, only_to, submit, write_referral
from tests.unit.broker.operations.desk.written_referral import sent

_CASES = (
    RecordedCases(40, "E09000007", ["race"]),
    RecordedCases(12, "E09000022", ["race", "religion"]),
    RecordedCases(3, "E09000001", ["disability"]),
)


@dataclass(frozen=True)
class Stage:
    """The agency whose pages are shown.

    Attributes:
        folder: its folder.
        clock: the time of its pages.
    """

    folder: Path
    clock: Callable[[], int]


def staged(root: Path, *, used: bool = True) -> Stage:
    """Make the agency.

    Args:
        root: a folder of its own.
        used: whether it has sent events and has a version to sign.
    """
    folder = founded().directory(POLICE, root)
    participant = load_participant(folder, NOW)
    database = folder / participant.config.state.database
    database.parent.mkdir(exist_ok=True)
    store = open_store(database)
    if used:
        publisher = Publisher(event_sealer(participant))
        for number in range(2):
            event = example(founded().contract, POLICE, MADE)
            event.data["referral_id"] = f"{number}d1f6a52-93c1-4e8b-a2d4-51c6e09b7f38"
            with store.transaction() as tx:
                publisher.publish(tx, event, NOW + number)
        _next_version(folder, root)
    store.close()
    if used:
        record_cases(folder, _CASES, NOW)
        release_figures(folder, "2026-Q1", ("borough", "strand"), NOW, incomplete=True)
        with_listings(folder, root)
    return Stage(folder, lambda: NOW + HOUR)


def with_listings(folder: Path, root: Path) -> None:
    """Publish the listing of an agency, and keep that of the charity.

    Args:
        folder: the agency's folder.
        root: a folder of its own.
    """
    charity = founded().directory(SUPPORT, root)
    for agency in (charity, folder):
        (agency / FILE_NAME).write_text(FILE)
        database = agency / "state" / "concordant.db"
        database.parent.mkdir(exist_ok=True)
        open_store(database).close()
        publish_listing(agency, NOW)
        state_capacity(
            agency, "emotional-support", StatedCapacity("capacity", places=4, days=60), NOW
        )
    hold_listing(folder, load_participant(charity, NOW), own_content(charity, NOW), NOW)


def desk_staged(root: Path, terms: str | None = None) -> Stage:
    """Make a council with a desk: a referral, a critical incident, and a draft of its own.

    Args:
        root: a folder of its own.
        terms: terms of the agreement; the shipped ones if it is None.
    """
    plans = [plan for plan in london_agencies() if plan.id in (POLICE, COUNCIL, SUPPORT)]
    town = found_with(plans, terms)
    desks = desk_partnership(town, root)
    sent(desks.desk(SUPPORT))
    deliver(desks)
    folders = {agency: _with_desk(town, agency, root) for agency in (SUPPORT, COUNCIL)}
    charity, council = (
        WebServer(folders[agency], desks.clock, "127.0.0.1", 0) for agency in (SUPPORT, COUNCIL)
    )
    submit(
        Visitor(charity).sign_in(),
        f"{only_to(desks, COUNCIL)}/send/critical-incident.declared",
        declared_at__day="2",
        declared_at__month="3",
        declared_at__year="2026",
        declared_at__time="11:30",
        reason="community_confidence",
    )
    deliver(desks)
    write_referral(Visitor(council).sign_in(), POLICE)
    for server in (charity, council):
        server.close()
    return Stage(folders[COUNCIL], desks.clock)


def asking_staged(root: Path) -> Stage:
    """Make the same council under an agreement that asks its people for a reason."""
    return desk_staged(root, f"{shipped_terms()}\nreason_asked_of: [council]\n")


def _with_desk(town: FoundedPartnership, agency: str, root: Path) -> Path:
    """Copy an agency's folder; its adapter has the kind `desk`, and its state is that of `root`."""
    folder = town.directory(agency, root / "folders")
    settings = folder / "agency.toml"
    text = settings.read_text()
    kind = next(line for line in text.splitlines() if line.startswith("kind = "))
    text = text.replace(kind, 'kind = "desk"')
    settings.write_text(text.replace("state/concordant.db", str(root / f"{agency}.db")))
    return folder


def _next_version(folder: Path, root: Path) -> None:
    """Add a version that widens, signed by the council."""
    council = founded().directory(COUNCIL, root)
    out = root / "next.yaml"
    values = {
        "event_types.referral.made.retention.recipient_years": "9",
        "review_on": str(founded().contract.starts + timedelta(days=90)),
    }
    propose(council, out, values, NOW, "Ada Okafor, Director")
    add_bundles(folder, [out], NOW)
