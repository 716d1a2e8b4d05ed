"""Model of an agreement: the framework, and the contract under it that says what may be shared.

One framework agreement holds the common terms of all contracts; a contract names its parties, pins
their governance keys and grants fields to roles. It has no owner and no lead organisation
(docs/spec/contracts.md, "The file"). The parties sign the file's exact bytes
(docs/spec/contract-signatures.md); software reads them into this model (`contracts/loading.py`).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, StrictInt, StringConstraints

from contracts.durations import DAY_MS, HOUR_MS, MINUTE_MS, Duration, duration_ms
from contracts.parties import (
    Assessment,
    Consultation,
    Coordinator,
    GovernanceKeys,
    Party,
    Processor,
    VersionEntry,
)
from contracts.terms import (
    AgreementDay,
    ConsentScope,
    EventTerms,
    FieldTerms,
    Identifier,
    LegalBasis,
    Purpose,
    RoleConsent,
    ServiceLevels,
    StatisticalControl,
    Term,
    Text,
    TopicTerms,
)
from contracts.vocabulary import Vocabulary
from contracts.vocabulary.known import find_vocabulary, named_vocabulary

__all__ = [
    "ConsentScope",
    "Contract",
    "EventTerms",
    "FieldTerms",
    "FrameworkAgreement",
    "GovernanceKeys",
    "Party",
    "ServiceLevels",
    "TopicTerms",
    "midnight_ms",
    "topic_name",
    "trial_topic_name",
]

SemanticVersion: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]
HexHash: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


MAX_PARTIES = 256
"""Maximum number of parties of a contract."""
MANY_PARTIES = 64
"""Number of parties up to which each sends a heartbeat a minute."""
HEARTBEAT_INTERVAL_MS = 60 * 1000
"""Interval of a party's heartbeats."""
HEARTBEAT_INTERVAL_OF_MANY_MS = 5 * 60 * 1000
"""The interval above `MANY_PARTIES`."""
CHANGEOVER_LIMIT_MS = 30 * DAY_MS
"""Longest `changeover` of a contract."""
REPORT_EVERY_OF_MANY_ABOVE = 32
"""Number of parties above which reports go once a day, if the contract does not say how often."""
REPORT_EVERY_MS = HOUR_MS
"""Interval of reports, if the contract does not state one."""
REPORT_EVERY_OF_MANY_MS = DAY_MS
"""The same above `REPORT_EVERY_OF_MANY_ABOVE` parties."""
REPORT_EVERY_LEAST_MS = MINUTE_MS
REPORT_EVERY_MOST_MS = 7 * DAY_MS
NO_REPORTS = "none"
"""`report_every` of a contract whose parties send no reports."""
SIGNING_LIMIT_MS = 30 * DAY_MS
"""A signature that is dated later than this after the first day does not count."""


def _ascending(hashes: tuple[str, ...]) -> tuple[str, ...]:
    if any(after <= before for before, after in pairwise(hashes)):
        raise ValueError("the hashes are not in ascending order, each once")
    return hashes


def _changeover(text: str) -> str:
    if duration_ms(text) > CHANGEOVER_LIMIT_MS:
        raise ValueError("it is at most P30D")
    return text


def _report_every(text: str) -> str:
    if text != NO_REPORTS and not (
        REPORT_EVERY_LEAST_MS <= duration_ms(text) <= REPORT_EVERY_MOST_MS
    ):
        raise ValueError("it is from PT1M to P7D, or none")
    return text


UNSTATED_KAFKA_DAYS = 30
"""Assumed retention on Kafka in days of a type without one, for its readers."""

_DERIVED = (
    "by_id",
    "role_of",
    "policies",
    "starts_ms",
    "ends_ms",
    "grace_ms",
    "changeover_ms",
    "previous_hashes",
)


class FrameworkReference(Term):
    """The framework agreement that a contract stands under."""

    name: Identifier
    version: SemanticVersion


class Pins(Term):
    """Documents that are signed with a contract, by the SHA-256 of their files.

    Attributes:
        framework: the text of the framework agreement.
        vocabulary: the event types, fields and code lists (docs/spec/contracts.md, "Documents").
    """

    framework: HexHash
    vocabulary: HexHash


class Leaving(Term):
    """Rules for leaving, for suspending one's own part, and for disputes."""

    leaving: Text
    suspension: Text
    disputes: Text


class Use(Term):
    """Permitted use, forbidden use and onward sharing by recipients."""

    permitted: tuple[Text, ...] = Field(min_length=1)
    prohibited: tuple[Text, ...] = Field(min_length=1)
    onward_disclosure: Text


class Retention(Term):
    """Rules of retention for all types.

    Attributes:
        grace_days: how long after its end or a type's retention a record may still be opened.
    """

    grace_days: Annotated[StrictInt, Field(ge=1, le=366)]
    deletion: Text


class PartnershipLevels(Term):
    """Standards of the service itself."""

    heartbeat_every: Duration
    silence_alarm_after: Duration
    quarantine_answer_within: Duration


class FrameworkAgreement(Term):
    """Common terms of every contract of the partnership."""

    name: Identifier
    title: Text
    version: SemanticVersion
    status: Literal["drafted", "offered-for-signature", "amended"]
    review_on: AgreementDay
    principles: tuple[Text, ...] = Field(min_length=1)
    governance: tuple[Text, ...] = Field(min_length=1)
    rights: tuple[Text, ...] = Field(min_length=1)
    security: tuple[Text, ...] = Field(min_length=1)
    breach: tuple[Text, ...] = Field(min_length=1)
    terms: Leaving
    version_record: tuple[VersionEntry, ...] = Field(min_length=1)


class Contract(Term):
    """A contract: what its parties may share, field by field.

    Attributes:
        vocabulary_name: name of the vocabulary; a draft without pins has to name it.
        deployment: the partnership's name on the wire.
        previous: hex SHA-256 of the file of every version that it replaces, ascending.
        changeover: how long after it takes effect readers take records of the versions before.
        report_every: how often each party reports what became of events: a duration, or `none`; by
            default an hour, or a day above 32 parties.
        starts: first day in force, from 00:00 UTC.
        ends: last day in force, to 24:00 UTC.
        consent_by_role: the scope without which a role gets nothing that identifies.
        reason_asked_of: roles whose people state a reason before they see data of an event.
        governance_keys: by agency id; one entry for each party, no others.
        pins: hashes of the documents that are signed with the contract.
    """

    framework: FrameworkReference
    vocabulary_name: Identifier | None = None
    name: Identifier
    title: Text
    version: SemanticVersion
    status: Literal["drafted", "offered-for-signature", "amended"]
    summary: Text
    roles: dict[Identifier, Text] = Field(min_length=1)
    purposes: dict[Identifier, Purpose] = Field(min_length=1)
    legal_bases: tuple[LegalBasis, ...] = Field(min_length=1)
    topics: dict[Identifier, TopicTerms] = Field(min_length=1)
    consent_by_role: dict[Identifier, RoleConsent] = Field(default_factory=dict)
    reason_asked_of: tuple[Identifier, ...] = ()
    event_types: dict[str, EventTerms] = Field(min_length=1)
    retention: Retention
    service_levels: PartnershipLevels
    use: Use
    security: tuple[Text, ...] = Field(min_length=1)
    acknowledgements: dict[Identifier, Text] = Field(default_factory=dict)
    statistics: StatisticalControl | None = None
    dpia: Assessment
    equality_impact_assessment: Assessment
    consulted: tuple[Consultation, ...] = Field(min_length=1)
    privacy_notice: Text
    terms: Leaving
    processors: tuple[Processor, ...] = ()
    coordinator: Coordinator | None = None
    version_record: tuple[VersionEntry, ...] = Field(min_length=1)
    deployment: Identifier
    previous: Annotated[tuple[HexHash, ...], AfterValidator(_ascending)] = ()
    changeover: Annotated[Duration, AfterValidator(_changeover)] = "P7D"
    report_every: Annotated[str, AfterValidator(_report_every)] | None = None
    starts: AgreementDay
    ends: AgreementDay
    review_on: AgreementDay | None = None
    review_by: tuple[Identifier, ...] = ()
    parties: tuple[Party, ...] = Field(min_length=2, max_length=MAX_PARTIES)
    governance_keys: dict[Identifier, GovernanceKeys]
    pins: Pins

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Return the vocabulary that the file pins; the loader sets any that is not shipped.

        Raises:
            ContractError: `document_missing`, `vocabulary_invalid`.
        """
        return find_vocabulary(self.pins.vocabulary)

    @cached_property
    def by_id(self) -> dict[str, Party]:
        """Parties by agency id."""
        return {party.id: party for party in self.parties}

    @cached_property
    def role_of(self) -> dict[str, str]:
        """Agency id to role."""
        return {party.id: party.role for party in self.parties}

    @property
    def statistics_purposes(self) -> frozenset[str]:
        """Return the names of the purposes of the kind `statistics`."""
        return frozenset(n for n, purpose in self.purposes.items() if purpose.kind == "statistics")

    @property
    def statistics_parties(self) -> frozenset[str]:
        """Return the parties whose role pursues a purpose of the kind `statistics`."""
        pursued = [self.purposes[name].pursued_by for name in self.statistics_purposes]
        return frozenset(
            party.id
            for party in self.parties
            if any(not roles or party.role in roles for roles in pursued)
        )

    @property
    def figures_publishers(self) -> frozenset[str]:
        """Return the parties that may publish figures: the named one, else all of statistics."""
        named = self.statistics.published_by if self.statistics is not None else None
        parties = self.statistics_parties
        return parties if named is None else parties & {named}

    @property
    def tally_party(self) -> str | None:
        """Return the agency that tallies unions of cases; None if there is none."""
        role = self.statistics.tally if self.statistics is not None else None
        return next((party.id for party in self.parties if party.role == role), None)

    @property
    def contributors(self) -> tuple[str, ...]:
        """Return the parties that may send events of some type, sorted."""
        sending = {role for terms in self.event_types.values() for role in terms.publishers}
        return tuple(sorted(party.id for party in self.parties if party.role in sending))

    @cached_property
    def policies(self) -> dict[tuple[str, tuple[str, ...], str], Any]:
        """Return the cache of `contracts.policy.policy_for`, whose values are its policies.

        Keys are sender, addressed agencies and event type. The cache is not part of the contract's
        value.
        """
        return {}

    def __copy__(self) -> Self:
        """Copy the terms without the cache of derived values, because a copy may be changed."""
        copied = super().__copy__()
        for name in _DERIVED:
            copied.__dict__.pop(name, None)
        return copied

    def party(self, agency: str) -> Party | None:
        """Return the party with this agency id, or None."""
        return self.by_id.get(agency)

    def asks_reason_of(self, agency: str) -> bool:
        """Return whether people of a party state a reason before they see data of an event."""
        return self.role_of.get(agency) in self.reason_asked_of

    def parties_of_role(self, role: str) -> tuple[Party, ...]:
        """Return the parties that play `role`, in the contract's order."""
        return tuple(party for party in self.parties if party.role == role)

    @cached_property
    def starts_ms(self) -> int:
        """First millisecond in force, UTC."""
        return midnight_ms(self.starts)

    @cached_property
    def ends_ms(self) -> int:
        """First millisecond after the last day in force, UTC."""
        return midnight_ms(self.ends) + DAY_MS

    @cached_property
    def previous_hashes(self) -> tuple[bytes, ...]:
        """SHA-256 of the files of the versions that this one replaces, sorted, 32 bytes each."""
        return tuple(map(bytes.fromhex, self.previous))

    @property
    def pinned_documents(self) -> tuple[bytes, bytes]:
        """SHA-256 of the vocabulary and of the framework agreement that the file pins."""
        return bytes.fromhex(self.pins.vocabulary), bytes.fromhex(self.pins.framework)

    @cached_property
    def changeover_ms(self) -> int:
        """Length of `changeover` in milliseconds."""
        return duration_ms(self.changeover)

    @property
    def report_every_ms(self) -> int | None:
        """Return how often each party sends reports (docs/spec/reports.md); None if it sends none.

        A person may state it; without a statement it follows from the number of parties.
        """
        if self.report_every is None:
            many = len(self.parties) > REPORT_EVERY_OF_MANY_ABOVE
            return REPORT_EVERY_OF_MANY_MS if many else REPORT_EVERY_MS
        return None if self.report_every == NO_REPORTS else duration_ms(self.report_every)

    @property
    def heartbeat_interval_ms(self) -> int:
        """Return the interval of each party's heartbeats (docs/spec/heartbeats.md)."""
        many = len(self.parties) > MANY_PARTIES
        return HEARTBEAT_INTERVAL_OF_MANY_MS if many else HEARTBEAT_INTERVAL_MS

    @cached_property
    def grace_ms(self) -> int:
        """Return how long after its end records of its time are accepted (docs/spec/contracts.md).

        It is the longest retention on Kafka of its types plus the grace period, so that no record
        that may still be on Kafka is refused only because of its age.
        """
        days = (
            terms.retention.kafka_days if terms.retention else UNSTATED_KAFKA_DAYS
            for terms in self.event_types.values()
        )
        return (max(days) + self.retention.grace_days) * DAY_MS


class DraftContract(Contract):
    """A draft agreement: parties, keys and dates may still be absent.

    Attributes:
        absent: members that the draft does not have yet.
    """

    deployment: Identifier = "draft"
    starts: AgreementDay = date(2000, 1, 1)
    ends: AgreementDay = date(2000, 12, 31)
    parties: tuple[Party, ...] = Field(default=(), max_length=MAX_PARTIES)
    governance_keys: dict[Identifier, GovernanceKeys] = Field(default_factory=dict)
    pins: Pins = Pins(framework="0" * 64, vocabulary="0" * 64)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Return the vocabulary that the draft pins, or the one of the software that it names.

        Raises:
            ContractError: `document_missing`, `vocabulary_invalid`.
        """
        if "pins" in self.absent:
            return named_vocabulary(self.vocabulary_name or "")
        return find_vocabulary(self.pins.vocabulary)

    @property
    def absent(self) -> tuple[str, ...]:
        """Members that the draft does not have yet."""
        needed = ("deployment", "starts", "ends", "parties", "governance_keys", "pins")
        return tuple(name for name in needed if name not in self.model_fields_set)


def midnight_ms(day: date) -> int:
    """Return the first millisecond of a day, UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def topic_name(contract: Contract, logical: str) -> str:
    """Return the Kafka topic of a logical one; it never holds an event type's name."""
    return f"{contract.deployment}.{contract.name}.{logical}"


def trial_topic_name(contract: Contract, logical: str) -> str:
    """Return the name used by `event seal` to try things out; no ACL ever permits it."""
    return f"{topic_name(contract, logical)}.trial"
