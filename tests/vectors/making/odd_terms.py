"""Two settings of contracts that can be signed and should not be, and what their readers do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

from broker.event import JSON
from broker.keys.kid import EXCHANGE, STREAM
from contracts.model import topic_name
from tests.support.words import leaves
from tests.vectors.making.agencies import COUNCIL, FOUNDED, POLICE, SUPPORT, Member
from tests.vectors.making.event_drafts import CASE, CORRECTION, CRITICAL, MADE, PLAIN
from tests.vectors.making.ground import Ground
from tests.vectors.making.scene import Case, Scene
from tests.vectors.making.setting import Setting, founded
from tests.vectors.making.terms import event_type, field, signed, terms

BOTH = ("council", "support")
SENDER, READERS = (
    "csu-camden",
    (
        "csu-lewisham",
        "cps-london",
        "council-camden",
        "council-lewisham",
        "haven-support",
    ),
)


def odd(ground: Ground) -> Setting:
    """Types that no software knows, leaves that no type has, requirements that some cannot see."""
    setting = founded("odd-terms", ground)
    members = [setting.members[agency] for agency in (POLICE, COUNCIL, SUPPORT)]
    police = ("police",)
    case = field(BOTH)
    types = {
        "case.deleted": event_type(police, BOTH, {"case_id": case}),
        CASE: event_type(police, BOTH, {"case_id": case, "victim.shoe_size": field(BOTH)}),
        MADE: event_type(
            police,
            BOTH,
            {
                "case_id": field(("support",), required=True),
                "referral_id": field(BOTH),
                "requested_service": field(BOTH),
            },
        ),
        CRITICAL: event_type(
            police,
            BOTH,
            {
                "case_id": case,
                "declared_at": field(BOTH),
                "reason": field(("support",), required=True),
                "summary": field(("support",), required=True),
                "borough": field(BOTH, consent=["statistics"]),
            },
        ),
        CORRECTION: event_type(
            police,
            BOTH,
            {"case_id": case, "corrects.source": field(BOTH), "corrects.id": field(("support",))},
        ),
    }
    setting.contracts.clear()
    setting.signed = signed(terms("odd-terms", members, types), members)
    setting.add_contract("odd-terms", setting.signed)
    del setting.held["cps-london"], setting.manifests["cps-london.1"]
    return setting


def six_roles(ground: Ground) -> Setting:
    """Five recipients of five roles: one type with 16 sets of readers, one with 17."""
    members = {agency: Member(ground, agency) for agency in (SENDER, *READERS)}
    roles = {agency: f"role-{number}" for number, agency in enumerate((SENDER, *READERS))}
    names = [roles[agency] for agency in READERS]
    sets = [s for size in range(1, 5) for s in combinations(names, size)]
    paths = [p for p in sorted(leaves(MADE)) if p not in PLAIN and not p.startswith("consent.")]
    everyone = {path: field(names) for path in PLAIN}
    types = {
        MADE: event_type(["role-0"], names, {**everyone, **_granted(paths, sets[:15])}),
        CASE: event_type(
            ["role-0"],
            names,
            {"case_id": field(names)}
            | _granted([p for p in sorted(leaves(CASE)) if p != "case_id"], sets[:16]),
        ),
    }
    agreement = signed(
        terms("six-roles", list(members.values()), types, roles=roles), list(members.values())
    )
    setting = Setting("six-roles", ground, members, agreement)
    setting.add_contract("six-roles", agreement)
    for agency, member in members.items():
        keys = [member.key(STREAM), member.key(EXCHANGE)]
        setting.add_manifest(f"{agency}.1", member, member.manifest(1, FOUNDED, keys))
        setting.stream[agency], setting.exchange[agency] = keys
    setting.held[COUNCIL] = [setting.exchange[COUNCIL].seed]
    return setting


def _granted(paths: list[str], sets: list[tuple[str, ...]]) -> dict[str, dict[str, object]]:
    return {path: field(readers) for path, readers in zip(paths, sets, strict=False)}


def cases(settings: Mapping[str, Setting]) -> Iterator[Case]:
    """All of them."""
    yield from _odd(settings["odd-terms"])
    yield from _many(settings["six-roles"])


def _odd(setting: Setting) -> Iterator[Case]:
    case: dict[str, JSON] = {"case_id": PLAIN["case_id"]}
    to = (COUNCIL, SUPPORT)
    topic = topic_name(setting.signed.contract, "a")
    spec = "contracts.md, Refused as a whole, or only in part"
    for what, event_type_, about in (
        (
            "type_unknown-in_contract",
            "case.deleted",
            "A type of the contract that no software knows.",
        ),
        ("contract_field_unknown", CASE, "The contract grants a leaf that the type does not have."),
    ):
        s = Scene(setting, f"9-{what}")
        draft = s.event(MADE, to=to, flat=dict(PLAIN))
        draft.head = {"to": sorted(to), "type": event_type_}
        draft.groups, draft.may_read = [case], {agency: [True] for agency in to}
        yield s.refused(about, s.log(topic=topic).one(draft.value()), spec=spec)
    for name, reader, about in (
        (
            "9-event_invalid-case_withheld",
            COUNCIL,
            "The contract withholds case_id from the reader.",
        ),
        (
            "10-opened-case_withheld_from_others",
            SUPPORT,
            "The contract withholds case_id from others.",
        ),
    ):
        s = Scene(setting, name)
        event = s.event(MADE, to=to, flat=dict(PLAIN))
        one = s.log(topic=topic).one(event.value())
        s.then(one, event.answer(reader) if "opened" in name else None)
        yield s.case(about, agency=reader, spec="contracts.md, Required leaves")
    s = Scene(setting, "10-opened-required_of_others")
    event = s.event(CRITICAL, to=to, flat={**case, "declared_at": "2025-03-10T08:15:00.000Z"})
    yield s.opened(
        "What is required and not granted to the reader is not missed, by the contract nor by the "
        "model.",
        event,
        s.log(topic=topic).one(event.value()),
        spec="contracts.md, Required leaves; A reader's part",
    )
    s = Scene(setting, "9-event_invalid-required")
    event = s.event(CRITICAL, to=to, flat={**case, "declared_at": "2025-03-10T08:15:00.000Z"})
    yield s.refused(
        "The same for the agency to which it is granted.",
        s.log(topic=topic).one(event.value()),
        agency=SUPPORT,
        spec="contracts.md, Required leaves",
    )
    s = Scene(setting, "9-consent_missing-no_consent_leaves")
    event = s.event(
        CRITICAL,
        to=to,
        flat={**case, "declared_at": "2025-03-10T08:15:00.000Z", "borough": "E09000007"},
    )
    yield s.refused(
        "A leaf that needs a scope, in a type that cannot say it.",
        s.log(topic=topic).one(event.value()),
        spec="contracts.md, Consent",
    )
    s = Scene(setting, "10-opened-corrects_in_part")
    event = s.event(CORRECTION, to=to, flat={**case, "corrects.source": "other-agency-2"})
    yield s.opened(
        "Of an object that the type requires, the reader sees only a part.",
        event,
        s.log(topic=topic).one(event.value()),
        spec="contracts.md, A reader's part",
    )
    s = Scene(setting, "10-event_invalid-corrects")
    event = s.event(CORRECTION, to=to, flat={**case, "corrects.source": "other-agency-2"})
    yield s.refused(
        "The same for the agency that is granted the leaf which the object must have.",
        s.log(topic=topic).one(event.value()),
        agency=SUPPORT,
        spec="contracts.md, A reader's part",
    )
    s = Scene(setting, "10-event_invalid-declared_at")
    event = s.event(CRITICAL, to=to, flat=case)
    yield s.refused(
        "A leaf that the model requires and the contract does not.",
        s.log(topic=topic).one(event.value()),
        spec="contracts.md, A reader's part",
    )


def _many(setting: Setting) -> Iterator[Case]:
    topic = topic_name(setting.signed.contract, "a")
    s = Scene(setting, "10-opened-16_groups")
    event = s.event(MADE, SENDER, READERS, flat=dict(PLAIN))
    assert len(event.groups) == 16
    yield s.opened(
        "16 groups for five recipients; all but the first are empty and sealed all the same.",
        event,
        s.log(SENDER, topic=topic).one(event.value()),
        spec="envelope.md, Groups",
    )
    s = Scene(setting, "9-contract_invalid")
    draft = s.event(MADE, SENDER, READERS, flat=dict(PLAIN))
    draft.head = {"to": sorted(READERS), "type": CASE}
    yield s.refused(
        "The contract gives 17 groups for these recipients.",
        s.log(SENDER, topic=topic).one(draft.value()),
        spec="contracts.md, Refused as a whole, or only in part",
    )
    s = Scene(setting, "10-opened-fewer_groups")
    event = s.event(MADE, SENDER, ("council-camden", "haven-support"), flat=dict(PLAIN))
    yield s.opened(
        "Fewer recipients, fewer groups.",
        event,
        s.log(SENDER, topic=topic).one(event.value()),
        spec="envelope.md, Groups",
    )
