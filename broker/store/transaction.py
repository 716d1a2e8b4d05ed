"""Unit of work of the state database.

One `Transaction` has every area as an attribute, because the important rules span areas. The
decision, the sealed event and its log entry are one commit. An opened event, the stream's state,
the position and the log entry are another ("Opening", step 11).

Every method of an area may raise `StoreError`; a method names the codes on which a caller may act.
"""

from __future__ import annotations

from sqlalchemy import Connection

from broker.store.attempts import Attempts
from broker.store.copies import Copies
from broker.store.desk_events import DeskEvents
from broker.store.disclosures import Disclosures
from broker.store.drafts import Drafts
from broker.store.event_flow import EventFlow
from broker.store.exports import Exports
from broker.store.figure_counts import FigureCounts
from broker.store.figure_facts import FigureFacts
from broker.store.figure_referrals import FigureReferrals
from broker.store.figure_releases import FigureReleases
from broker.store.flow_hours import FlowHours
from broker.store.heartbeats import Heartbeats
from broker.store.inbox import Inbox
from broker.store.items import Items, ReferenceLinks
from broker.store.listings import Listings
from broker.store.meta import Lease, Meta
from broker.store.offers import Offers
from broker.store.outbox import Outbox
from broker.store.quarantine import Equivocations, Quarantine
from broker.store.queued_events import QueuedEvents
from broker.store.reader_logs import ReaderLogs
from broker.store.reader_states import ReaderStates
from broker.store.receipts import Heads, Receipts
from broker.store.recipients import Recipients
from broker.store.referral_lists import ReferralLists
from broker.store.referrals import StoredReferrals
from broker.store.refused_rows import RefusedRows
from broker.store.requests import Requests
from broker.store.results import Results
from broker.store.streams import Streams
from broker.store.told_notices import ToldNotices
from broker.store.unions import Unions


class Transaction:
    """One unit of work. It must not outlive its `with` block or cross threads."""

    __slots__ = (
        "attempts",
        "copies",
        "desk_events",
        "disclosures",
        "drafts",
        "evidence",
        "exports",
        "figure_counts",
        "figure_facts",
        "figure_referrals",
        "figure_releases",
        "flow",
        "flow_hours",
        "heads",
        "heartbeats",
        "inbox",
        "items",
        "lease",
        "links",
        "listings",
        "meta",
        "offers",
        "outbox",
        "quarantine",
        "queued",
        "reader",
        "reader_logs",
        "receipts",
        "recipients",
        "referral_lists",
        "referrals",
        "refused_rows",
        "requests",
        "results",
        "streams",
        "told_notices",
        "unions",
    )

    def __init__(self, connection: Connection) -> None:
        self.meta = Meta(connection)
        self.lease = Lease(connection)
        self.outbox = Outbox(connection)
        self.copies = Copies(connection)
        self.streams = Streams(connection)
        self.reader = ReaderStates(connection)
        self.reader_logs = ReaderLogs(connection)
        self.inbox = Inbox(connection)
        self.offers = Offers(connection)
        self.attempts = Attempts(connection)
        self.refused_rows = RefusedRows(connection)
        self.requests = Requests(connection)
        self.quarantine = Quarantine(connection)
        self.queued = QueuedEvents(connection)
        self.evidence = Equivocations(connection)
        self.items = Items(connection)
        self.exports = Exports(connection)
        self.links = ReferenceLinks(connection)
        self.referrals = StoredReferrals(connection)
        self.listings = Listings(connection)
        self.receipts = Receipts(connection)
        self.recipients = Recipients(connection)
        self.results = Results(connection)
        self.heads = Heads(connection)
        self.heartbeats = Heartbeats(connection)
        self.disclosures = Disclosures(connection)
        self.figure_counts = FigureCounts(connection)
        self.figure_facts = FigureFacts(connection)
        self.figure_referrals = FigureReferrals(connection)
        self.figure_releases = FigureReleases(connection)
        self.unions = Unions(connection)
        self.flow = EventFlow(connection)
        self.flow_hours = FlowHours(connection)
        self.desk_events = DeskEvents(connection)
        self.drafts = Drafts(connection)
        self.told_notices = ToldNotices(connection)
        self.referral_lists = ReferralLists(connection)
