"""The form of a contract file (docs/spec/contracts.md, "Kinds of value", "Members ...", "Names").

`CONTRACT` checks a parsed file and gives it back with every member that has a default filled in.
Each kind is a function from a value to that value, or to MalformedError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from tests.conformance.conventions import decode_base64
from tests.conformance.keys import ED25519, ML_DSA_65, check_public
from tests.conformance.refusals import MalformedError
from tests.conformance.yaml_form import parse_yaml

Kind = Callable[[Any], Any]
ABSENT = object()
WHITE_SPACE = "".join(
    letter
    for letter in map(chr, range(0x3001))
    if letter.isspace() and not "\x1c" <= letter <= "\x1f"
)
"""Unicode's White_Space; Python counts four separators more."""


def text(value: Any) -> str:
    if not any_text(value):
        raise MalformedError("not a text")
    return any_text(value)


def any_text(value: Any) -> str:
    if not isinstance(value, str):
        raise MalformedError("not a text")
    return value.strip(WHITE_SPACE)


def exact_text(value: Any) -> str:
    if not isinstance(value, str):
        raise MalformedError("not a text")
    return value


def any_of(*kinds: Kind) -> Kind:
    def check(value: Any) -> Any:
        for kind in kinds:
            try:
                return kind(value)
            except MalformedError:
                continue
        raise MalformedError("of none of the kinds")

    return check


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise MalformedError("not a flag")
    return value


def integer(low: int, high: int) -> Kind:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise MalformedError("not an integer in its range")
        return value

    return check


def pattern(expression: str) -> Kind:
    compiled = re.compile(expression)

    def check(value: Any) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise MalformedError("not of its pattern")
        return value

    return check


def one_of(*allowed: str) -> Kind:
    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise MalformedError("not one of the values")
        return value

    return check


def day(value: Any) -> date:
    pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")(value)
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise MalformedError("not a day") from error


def duration(value: Any) -> str:
    pattern(r"P([0-9]{1,5}D)?(T([0-9]{1,5}H)?([0-9]{1,5}M)?)?")(value)
    if not any(int(number) for number in re.findall(r"[0-9]+", value)):
        raise MalformedError("a duration of nothing")
    return str(value)


def length(value: str) -> int:
    """Milliseconds of a duration."""
    days, hours, minutes = (
        int(found[1]) if (found := re.search(rf"([0-9]+){unit}", value)) else 0 for unit in "DHM"
    )
    return ((days * 24 + hours) * 60 + minutes) * 60_000


def changeover(value: Any) -> str:
    if length(duration(value)) > 30 * 24 * 60 * 60_000:
        raise MalformedError("a changeover above 30 days")
    return str(value)


def report_every(value: Any) -> str:
    if value != "none" and not 60_000 <= length(duration(value)) <= 7 * 24 * 60 * 60_000:
        raise MalformedError("reports more often than each minute, or not once in a week")
    return str(value)


def ascending(kind: Kind) -> Kind:
    def check(value: Any) -> list[Any]:
        items = listed(kind)(value)
        if items != sorted(set(items)):
            raise MalformedError("not in ascending order, each once")
        return items

    return check


def key(algorithm: str) -> Kind:
    def check(value: Any) -> bytes:
        if not isinstance(value, str):
            raise MalformedError("not base64")
        octets = decode_base64(value)
        check_public(algorithm, octets)
        return octets

    return check


def listed(kind: Kind, low: int = 0, high: int | None = None) -> Kind:
    def check(value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) < low:
            raise MalformedError("not a list long enough")
        if high is not None and len(value) > high:
            raise MalformedError("too long a list")
        return [kind(item) for item in value]

    return check


def mapped(names: Kind, kind: Kind, low: int = 0) -> Kind:
    def check(value: Any) -> dict[Any, Any]:
        if not isinstance(value, dict) or len(value) < low:
            raise MalformedError("not a mapping large enough")
        return {names(name): kind(item) for name, item in value.items()}

    return check


class Optional:
    """A member that may be absent; without another default, null is absence too."""

    def __init__(self, kind: Kind, default: Any = None) -> None:
        self.kind = kind
        self.default = default

    def value(self, given: Any) -> Any:
        if given is ABSENT or (given is None and self.default is None):
            return self.default
        return self.kind(given)


def members(**kinds: Kind | Optional) -> Kind:
    def check(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or not value.keys() <= kinds.keys():
            raise MalformedError("not a mapping of the members named")
        checked = {}
        for name, kind in kinds.items():
            given = value.get(name, ABSENT)
            if isinstance(kind, Optional):
                checked[name] = kind.value(given)
            elif given is ABSENT:
                raise MalformedError("a member is missing")
            else:
                checked[name] = kind(given)
        return checked

    return check


def governance(value: Any) -> dict[str | None, dict[str, bytes]]:
    """The pairs of a party by officer; one pair stands under None."""
    pair = members(ed25519=key(ED25519), ml_dsa_65=key(ML_DSA_65))
    checked = members(
        ed25519=Optional(key(ED25519)),
        ml_dsa_65=Optional(key(ML_DSA_65)),
        threshold=Optional(integer(2, 2)),
        officers=Optional(mapped(ID, pair, 2)),
    )(value)
    given = {name for name, part in checked.items() if part is not None}
    if given == {"ed25519", "ml_dsa_65"}:
        return {None: {name: checked[name] for name in given}}
    if given != {"threshold", "officers"} or len(checked["officers"]) > 3:
        raise MalformedError("neither one pair nor the pairs of officers")
    return dict(sorted(checked["officers"].items()))


def principal(value: Any) -> str:
    checked = pattern(r"[!-~]([ -~]{0,254}[!-~])?")(value)
    if str(checked)[:5].lower() == "user:":
        raise MalformedError("a principal with its type")
    return str(checked)


ID = pattern(r"[a-z][a-z0-9-]{0,62}")
CLAUSE = pattern(r"[0-9]+(\.[0-9]+){0,4}")
VERSION = pattern(r"[0-9]+\.[0-9]+\.[0-9]+")
HASH = pattern(r"[0-9a-f]{64}")
REGIME = one_of("uk-gdpr", "dpa2018-part3")
SENSITIVITY = one_of("none", "personal", "special-category", "criminal-offence")

CONTACT = members(name=text, email=text, phone=Optional(text))
ASSESSMENT = members(reference=text, date=day, summary=text, review_on=Optional(day))

PARTY = members(
    id=ID,
    role=ID,
    legal_name=text,
    area=listed(pattern(r"[EWSNK][0-9]{8}"), 1),
    ico_registration=Optional(pattern(r"[A-Z][A-Z0-9]{7}")),
    regime=REGIME,
    relationship=one_of("joint-controller", "separate-controller"),
    public_authority=flag,
    third_party_reporting=Optional(flag, default=False),
    kafka_principal=Optional(principal),
    contacts=members(
        data_protection_officer=CONTACT,
        operations=CONTACT,
        breach=CONTACT,
        rights_and_complaints=CONTACT,
        siro=Optional(CONTACT),
        caldicott_guardian=Optional(CONTACT),
    ),
)

FIELD = members(
    readers=listed(ID, 1),
    senders=Optional(listed(ID), default=[]),
    required=Optional(flag, default=False),
    consent=Optional(listed(exact_text), default=[]),
    identifies=Optional(flag, default=False),
    clause=CLAUSE,
    purposes=listed(ID, 1),
    category=ID,
    sensitivity=SENSITIVITY,
    data_subject=ID,
    without_consent=Optional(text),
)

EVENT_TERMS = members(
    topic=ID,
    publishers=listed(ID, 1),
    recipients=listed(ID, 1),
    informed=Optional(listed(ID), default=[]),
    incident_identifiers=Optional(
        one_of("with-consent", "never", "allowed"), default="with-consent"
    ),
    retention=Optional(members(kafka_days=integer(1, 366), recipient_years=integer(1, 100))),
    service_levels=Optional(
        members(
            acknowledge_within=duration,
            respond_within=duration,
            urgent_acknowledge_within=Optional(duration),
            urgent_respond_within=Optional(duration),
        )
    ),
    fields=mapped(str, FIELD, 1),
    purposes=listed(ID, 1),
    clause=CLAUSE,
    text=text,
)

LEGAL_BASIS = members(
    purpose=ID,
    regime=REGIME,
    relied_on_by=listed(ID, 1),
    basis=text,
    article_9=Optional(text),
    article_10=Optional(text),
    schedule_1=Optional(text),
    schedule_8=Optional(text),
    appropriate_policy_document=Optional(text),
    gateways=Optional(listed(text), default=[]),
)

CONTRACT = members(
    deployment=ID,
    name=ID,
    version=VERSION,
    previous=Optional(ascending(HASH), default=[]),
    changeover=Optional(changeover, default="P7D"),
    report_every=Optional(report_every),
    starts=day,
    ends=day,
    parties=listed(PARTY, 2, 256),
    governance_keys=mapped(ID, governance),
    roles=mapped(ID, text, 1),
    topics=mapped(ID, members(partitions=integer(1, 100)), 1),
    event_types=mapped(str, EVENT_TERMS, 1),
    consent_by_role=Optional(
        mapped(
            ID,
            members(clause=CLAUSE, scope=exact_text, unless_from=Optional(listed(ID), default=[])),
        ),
        default={},
    ),
    reason_asked_of=Optional(listed(ID), default=[]),
    retention=members(grace_days=integer(1, 366), deletion=text),
    purposes=mapped(
        ID,
        members(
            text=text,
            kind=Optional(one_of("operational", "statistics"), default="operational"),
            necessity=Optional(any_text, default=""),
            proportionality=Optional(any_text, default=""),
            pursued_by=Optional(listed(ID), default=[]),
        ),
        1,
    ),
    framework=members(name=ID, version=VERSION),
    vocabulary_name=Optional(ID),
    pins=members(framework=HASH, vocabulary=HASH),
    title=text,
    summary=text,
    privacy_notice=text,
    status=one_of("drafted", "offered-for-signature", "amended"),
    legal_bases=listed(LEGAL_BASIS, 1),
    service_levels=members(
        heartbeat_every=duration, silence_alarm_after=duration, quarantine_answer_within=duration
    ),
    use=members(permitted=listed(text, 1), prohibited=listed(text, 1), onward_disclosure=text),
    security=listed(text, 1),
    acknowledgements=Optional(mapped(ID, text), default={}),
    statistics=Optional(
        members(
            suppress_below=integer(2, 100),
            round_to=integer(1, 100),
            suppress_breakdown_below=integer(2, 100),
            suppress_area_below=Optional(integer(2, 100)),
            secondary_suppression=flag,
            tally=Optional(ID),
            published_by=Optional(ID),
            text=text,
        )
    ),
    dpia=ASSESSMENT,
    equality_impact_assessment=ASSESSMENT,
    consulted=listed(members(who=text, date=day, outcome=text), 1),
    terms=members(leaving=text, suspension=text, disputes=text),
    processors=Optional(
        listed(members(name=text, service=text, location=text, terms=text, sees=text)), default=[]
    ),
    coordinator=Optional(members(name=text, contact=CONTACT, grants=one_of("nothing"))),
    version_record=listed(members(version=text, date=day, change=text, authorised_by=text), 1),
    review_on=Optional(day),
    review_by=Optional(listed(ID), default=[]),
)


def parse_contract_file(octets: bytes) -> dict[str, Any]:
    """The members of a file that is well formed, names included.

    Raises:
        MalformedError: it is not.
    """
    contract: dict[str, Any] = CONTRACT(parse_yaml(octets))
    if contract["ends"] < contract["starts"]:
        raise MalformedError("ends before it starts")
    _check_names(contract)
    return contract


def _all_in(used: Iterable[str], defined: Iterable[str] | Mapping[str, Any]) -> None:
    if not set(used) <= set(defined):
        raise MalformedError("a name that is not defined")


def _check_names(contract: dict[str, Any]) -> None:
    parties = [party["id"] for party in contract["parties"]]
    if len(set(parties)) != len(parties) or set(parties) != contract["governance_keys"].keys():
        raise MalformedError("parties and their keys")
    pinned = [
        octets
        for pairs in contract["governance_keys"].values()
        for pair in pairs.values()
        for octets in pair.values()
    ]
    if len(set(pinned)) != len(pinned):
        raise MalformedError("a key of two parties")
    roles, purposes = contract["roles"], contract["purposes"]
    _all_in((party["role"] for party in contract["parties"]), roles)
    _all_in(contract["review_by"], parties)
    _all_in(contract["consent_by_role"], roles)
    for rule in contract["consent_by_role"].values():
        _all_in(rule["unless_from"], roles)
    _all_in(contract["reason_asked_of"], roles)
    for purpose in purposes.values():
        _all_in(purpose["pursued_by"], roles)
    for basis in contract["legal_bases"]:
        _all_in(basis["relied_on_by"], roles)
        _all_in([basis["purpose"]], purposes)
    if (publisher := (contract["statistics"] or {}).get("published_by")) is not None:
        _all_in([publisher], parties)
    _check_tally(contract)
    for terms in contract["event_types"].values():
        _all_in([terms["topic"]], contract["topics"])
        _all_in([*terms["publishers"], *terms["recipients"]], roles)
        _all_in(terms["purposes"], purposes)
        _all_in(terms["informed"], terms["recipients"])
        for path, field in terms["fields"].items():
            _check_field(path, field, terms, purposes)


def _check_tally(contract: dict[str, Any]) -> None:
    role = (contract["statistics"] or {}).get("tally")
    if role is None:
        return
    _all_in([role], contract["roles"])
    for terms in contract["event_types"].values():
        if role in terms["publishers"] or role in terms["recipients"]:
            raise MalformedError("the party that tallies sends or receives events")
    if sum(party["role"] == role for party in contract["parties"]) > 1:
        raise MalformedError("several parties that tally")


def _check_field(
    path: str, field: dict[str, Any], terms: dict[str, Any], purposes: dict[str, Any]
) -> None:
    _all_in(field["purposes"], purposes)
    _all_in(field["readers"], terms["recipients"])
    _all_in(field["senders"], terms["publishers"])
    if field["required"] and (field["consent"] or field["identifies"] or field["senders"]):
        raise MalformedError("a required field with conditions")
