"""Contracts over other vocabularies: their values, codes that are not listed, and conditions.

docs/spec/vocabularies.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from broker.envelope.primitives import sha256
from broker.event import JSON
from broker.registry.contracts import SignedContract
from contracts.model import topic_name
from contracts.vocabulary.known import shipped_vocabulary_files
from tests.vectors.making.agencies import COUNCIL, POLICE, SUPPORT, Member
from tests.vectors.making.ground import Ground
from tests.vectors.making.scene import Case, Scene
from tests.vectors.making.setting import Setting, founded
from tests.vectors.making.streams import Log
from tests.vectors.making.terms import Tree, event_type, field, notes_of, signed, terms, text_of

MEETING, REQUESTS = "london-meetings", "london-requests"
REFERRED, AGREED, WARNED = "marac.referred", "marac.actions-agreed", "safety.warned"
REQUESTED, ANSWERED = "information.requested", "information.answered"
SPEC = "vocabularies.md"
THREE = ("police", "council", "support")
MALFORMED = shipped_vocabulary_files()["domestic-abuse"].replace(
    b"required: [risk.escalation]", b"required: [risk.rising]"
)
"""A vocabulary with a condition that asks for a leaf which does not exist."""
TYPES: Mapping[str, Mapping[str, Sequence[str]]] = {
    MEETING: {
        REFERRED: (
            *("case_id", "referral_id", "requested_service", "urgency", "criteria", "children"),
            *("risk.score", "risk.escalation", "risk.factors", "safe_contact.phone"),
            *("safe_contact.message", "sharing.answer", "sharing.reason", "sharing.reason_text"),
            *("sharing.decided_by", "sharing.decided_on"),
        ),
        AGREED: ("case_id", "meeting_on", "actions"),
        WARNED: ("case_id", "warned_at", "event"),
    },
    REQUESTS: {
        REQUESTED: (
            *("case_id", "request_id", "requester", "information", "information_kinds"),
            *("period_from", "period_to", "counselling_asked", "notice.status", "notice.given_on"),
            *("notice.given_to", "notice.exception", "omissions", "answer_by"),
        ),
        ANSWERED: (
            *("case_id", "request_id", "answers.source", "answers.id", "outcome", "reason"),
            *("reason_text", "items", "decided_by", "decided_on"),
        ),
    },
}
"""Leaves that the contracts of the setting grant."""
ACTION: dict[str, JSON] = {
    "id": "a7f2b390-51c8-4de6-93a1-4f0d6c82e715",
    "action": "move_the_school",
    "owner": COUNCIL,
    "due": "2026-11-21",
}
OPENED: Mapping[str, tuple[str, Mapping[str, object], Sequence[str], str]] = {
    "referral_to_a_meeting": (REFERRED, {}, (), "Every leaf that the reader has."),
    "actions": (AGREED, {}, (), "A list of objects."),
    "request": (REQUESTED, {}, (), "A request for information."),
    "answer": (ANSWERED, {}, (), "Its answer."),
    "unlisted": (
        *(WARNED, {"event": "seen_near_the_school"}, ()),
        "A code that the extensible list does not have.",
    ),
    "unlisted_in_a_set": (
        *(REFERRED, {"risk.factors": ["weapons", "poison"]}, ()),
        "One code of a set is not in its extensible list.",
    ),
    "unlisted_in_an_object": (
        *(AGREED, {"actions": [ACTION]}, ()),
        "A code in an object of a list is not in its extensible list.",
    ),
    "unlisted_in_two": (
        *(REFERRED, {"requested_service": "refuge", "risk.factors": ["poison"]}, ()),
        "Two leaves with codes that are not listed, in order.",
    ),
    "set_empty": (
        *(REFERRED, {"risk.factors": []}, ()),
        "An empty set has no code that is not listed.",
    ),
    "condition_unmet": (
        *(REFERRED, {}, ("sharing.reason_text", "risk.score")),
        "Conditions are the sender's to judge: a reader takes the event.",
    ),
    "condition_unreadable": (
        *(REFERRED, {}, ("risk.escalation",)),
        "A condition asks for a leaf that this reader is not granted.",
    ),
}
"""Opened events: type, changed leaves, leaves left out, and the case in a sentence."""
REFUSED: Mapping[str, tuple[str, str, JSON]] = {
    "not_of_the_pattern": (WARNED, "event", "Seen near the school"),
    "number_for_open_code": (WARNED, "event", 7),
    "closed_code_list": (REFERRED, "urgency", "tomorrow"),
    "object_of_other_list": (AGREED, "actions", [{"form": "mg3", "reference": "x"}]),
    "score": (REFERRED, "risk.score", 28),
    "open_set_repeated": (REFERRED, "risk.factors", ["poison", "poison"]),
    "boolean_of_request": (REQUESTED, "counselling_asked", "yes"),
    "outcome": (ANSWERED, "outcome", "perhaps"),
    "text_of_other_limit": (ANSWERED, "reason_text", "x" * 4001),
}
"""Refused events: type, leaf, value."""


def documents() -> dict[str, bytes]:
    """Hash to each vocabulary of the vectors."""
    return {sha256(one).hex(): one for one in (*shipped_vocabulary_files().values(), MALFORMED)}


def _agreement(name: str, vocabulary: str, members: Sequence[Member]) -> Tree:
    types = {
        one: event_type(
            THREE,
            THREE,
            {path: field(("support",) if path == "risk.escalation" else THREE) for path in paths},
        )
        for one, paths in TYPES[name].items()
    }
    pins = {"framework": "1" * 64, "vocabulary": vocabulary}
    return terms(name, members, types, pins=pins)


def _members(setting: Setting) -> list[Member]:
    return [setting.members[one] for one in (POLICE, COUNCIL, SUPPORT)]


def _contracts(setting: Setting) -> dict[str, SignedContract]:
    """By event type."""
    members = _members(setting)
    found: dict[str, SignedContract] = {}
    for name, vocabulary in ((MEETING, "domestic-abuse"), (REQUESTS, "victim-information")):
        pinned = sha256(shipped_vocabulary_files()[vocabulary]).hex()
        agreed = signed(_agreement(name, pinned, members), members)
        found |= dict.fromkeys(TYPES[name], agreed)
    return found


def vocabularies(ground: Ground) -> Setting:
    """Contracts over the other vocabularies, beside the one over the first."""
    setting = founded("vocabularies", ground)
    for agreed in {one.hash: one for one in _contracts(setting).values()}.values():
        setting.add_contract(agreed.contract.name, agreed)
    members = _members(setting)
    for stem, pinned in (("lost", "2" * 64), ("malformed", sha256(MALFORMED).hex())):
        tree = _agreement(MEETING, pinned, members) | {"version": "2.0.0"}
        raw = text_of(tree)
        setting.contracts[stem] = (raw, notes_of(tree, raw, members))
    return setting


def cases(setting: Setting) -> Iterator[Case]:
    """All of them."""
    agreed = _contracts(setting)
    for what, (kind, changes, without, about) in OPENED.items():
        s = Scene(setting, f"10-opened-{what}")
        changed = {path.replace(".", "__"): value for path, value in changes.items()}
        event = s.event(kind, to=(COUNCIL,), signed=agreed[kind], without=without, **changed)  # type: ignore[arg-type]  # leaves
        yield s.opened(about, event, _log(s, agreed[kind]).one(event.value()), spec=SPEC)
    for what, (kind, path, value) in REFUSED.items():
        s = Scene(setting, f"10-event_invalid-{what}")
        leaf = {path.replace(".", "__"): value}
        draft = s.event(kind, to=(COUNCIL,), signed=agreed[kind], **leaf)  # type: ignore[arg-type]  # a leaf
        yield s.refused(
            f"{path} of {kind} has a value that its vocabulary refuses.",
            _log(s, agreed[kind]).one(draft.value()),
            spec=SPEC,
        )
    yield from _of_contracts(setting, agreed[WARNED])


def _of_contracts(setting: Setting, agreed: SignedContract) -> Iterator[Case]:
    s = Scene(setting, "9-type_unknown-of_other_vocabulary")
    draft = s.event(WARNED, to=(COUNCIL,), signed=agreed)
    draft.head["type"] = "referral.made"
    about = "A type of a vocabulary that the contract does not pin."
    yield s.refused(about, _log(s, agreed).one(draft.value()), spec=SPEC)
    for stem, about in (
        ("lost", "The vocabulary that the contract pins is nowhere."),
        ("malformed", "The vocabulary that the contract pins has a condition for no leaf."),
    ):
        s = Scene(setting, f"6-contract_unknown-vocabulary_{stem}")
        draft = s.event(WARNED, to=(COUNCIL,), signed=agreed)
        draft = replace(draft, contract=sha256(setting.contracts[stem][0]))
        yield s.refused(about, _log(s, agreed).one(draft.value()), spec=SPEC)


def _log(s: Scene, agreed: SignedContract) -> Log:
    return s.log(topic=topic_name(agreed.contract, "a"))
