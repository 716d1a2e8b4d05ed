"""Cases of step 9: groups, keys and leaves, what the sender may send, consent, what is required."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from broker.event import JSON
from tests.support.words import leaves
from tests.vectors.making.agencies import COUNCIL, POLICE, PROSECUTION, SUPPORT
from tests.vectors.making.event_drafts import CASE, CHANGED, MADE, Draft
from tests.vectors.making.scene import Case, Scene
from tests.vectors.making.setting import Setting


def cases(settings: Mapping[str, Setting]) -> Iterator[Case]:
    """All of them."""
    setting = settings["partnership"]
    yield from _groups(setting)
    yield from _keys(setting)
    yield from _leaves(setting)
    yield from _senders(setting)
    yield from _consent(setting)
    yield from _required(setting)


def _mine(draft: Draft) -> int:
    return draft.may_read[COUNCIL].index(True, 1)


def _hidden(draft: Draft) -> int:
    return draft.may_read[COUNCIL].index(False)


def _groups(setting: Setting) -> Iterator[Case]:
    s = Scene(setting, "9-grouping_wrong-group_more")
    draft = s.event()
    draft.groups.append({})
    for may_read in draft.may_read.values():
        may_read.append(False)
    yield s.refused("A group too many, that nobody may read.", s.log().one(draft.value()))
    s = Scene(setting, "9-grouping_wrong-group_less")
    draft = s.event()
    draft.groups.pop()
    for may_read in draft.may_read.values():
        may_read.pop()
    yield s.refused("A group too few.", s.log().one(draft.value()))


def _keys(setting: Setting) -> Iterator[Case]:
    s = Scene(setting, "9-group_keys_wrong-withheld")
    draft = s.event()
    draft.may_read[COUNCIL][_mine(draft)] = False
    yield s.refused("A group of the reader's comes without a key.", s.log().one(draft.value()))
    s = Scene(setting, "9-group_keys_wrong-given")
    draft = s.event()
    draft.may_read[COUNCIL][_hidden(draft)] = True
    yield s.refused("A key beyond the reader's grant.", s.log().one(draft.value()))
    s = Scene(setting, "9-group_keys_wrong-given_empty")
    draft = s.event()
    hidden = _hidden(draft)
    draft.groups[hidden] = {}
    draft.may_read[COUNCIL][hidden] = True
    yield s.refused("A key beyond the grant, for a group of nothing.", s.log().one(draft.value()))
    s = Scene(setting, "9-group_keys_wrong-all_withheld")
    draft = s.event()
    draft.may_read[COUNCIL][1:] = [False] * (len(draft.groups) - 1)
    yield s.refused("A key for group 0 alone.", s.log().one(draft.value()))


def _leaves(setting: Setting) -> Iterator[Case]:
    def moved(draft: Draft, source: int, target: int) -> None:
        path, value = next(iter(draft.groups[source].items()))
        draft.groups[target][path] = value

    for what, about in (
        ("hidden_leaf_in_0", "A leaf beyond the reader's grant in group 0."),
        ("hidden_leaf_in_mine", "A leaf beyond the reader's grant in a group of its own."),
        ("twice_0", "A leaf of group 0 in another group as well."),
        ("twice_mine", "A leaf of another group in group 0 as well."),
        ("unknown_leaf_0", "A leaf that the type does not have, in group 0."),
        ("unknown_leaf_mine", "A leaf that the type does not have, in another group."),
    ):
        s = Scene(setting, f"9-grouping_wrong-{what}")
        draft = s.event()
        mine, hidden = _mine(draft), _hidden(draft)
        if what.startswith("unknown"):
            draft.groups[0 if what.endswith("0") else mine]["victim.shoe_size"] = 38
        elif what.startswith("hidden"):
            moved(draft, hidden, 0 if what.endswith("0") else mine)
        else:
            moved(draft, *((0, mine) if what.endswith("0") else (mine, 0)))
        yield s.refused(about, s.log().one(draft.value()))
    s = Scene(setting, "9-grouping_wrong-nobody_reads")
    draft = s.event(to=(COUNCIL,))
    assert draft.layout is not None
    path = next(p for p in sorted(leaves(MADE)) if p not in draft.layout.group_of)
    draft.groups[0][path] = "x"
    yield s.refused("A leaf that no addressed agency may read.", s.log().one(draft.value()))
    s = Scene(setting, "9-grouping_wrong-nested")
    draft = s.small()
    draft.groups[0]["victim"] = {"name": "Zephyrine"}
    yield s.refused("Leaves as a nested object.", s.log().one(draft.value()))


def _senders(setting: Setting) -> Iterator[Case]:
    s = Scene(setting, "9-field_not_granted")
    posing = replace(s.event(CASE, to=(POLICE, PROSECUTION), publisher=POLICE), source=COUNCIL)
    yield s.refused(
        "Leaves that only other roles may send.",
        s.log(COUNCIL, "b").one(posing.value()),
        agency=POLICE,
    )
    s = Scene(setting, "9-field_not_granted-one")
    event = s.event(CASE, COUNCIL, (POLICE, PROSECUTION))
    event.groups[event.group_of("plea")]["plea"] = "not_guilty"
    yield s.refused(
        "One leaf that only other roles may send.",
        s.log(COUNCIL, "b").one(event.value()),
        agency=POLICE,
    )


IDENTIFYING: dict[str, JSON] = {
    "victim.name": "Zephyrine Quillfeather",
    "consent.share_identity": True,
    "consent.pass_to_police": True,
    "consent.support_contact": True,
}


def _consent(setting: Setting) -> Iterator[Case]:
    spec = "contracts.md, Consent"
    plain: dict[str, JSON] = {
        "case_id": "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38",
        "referral_id": "b41e9c07-2f6d-4a95-8c3b-e6d27a10f594",
        "requested_service": "practical_support",
    }
    refused: dict[str, tuple[str, str, tuple[str, ...], dict[str, JSON], str]] = {
        "false": (
            POLICE,
            COUNCIL,
            (COUNCIL,),
            {"consent.share_identity": False},
            "A leaf whose scope is false.",
        ),
        "absent": (POLICE, COUNCIL, (COUNCIL,), {}, "A leaf whose scope is not said."),
        "police": (
            SUPPORT,
            POLICE,
            (POLICE,),
            {"consent.pass_to_police": False},
            "The key of what identifies goes to the police without the scope that the contract "
            "asks for them.",
        ),
        "police_absent": (
            SUPPORT,
            POLICE,
            (POLICE, COUNCIL),
            {"consent.pass_to_police": None},
            "The scope of the police is not said, and they get the key.",
        ),
    }
    for what, (source, reader, to, change, about) in refused.items():
        s = Scene(setting, f"9-consent_missing-{what}")
        flat = {p: v for p, v in {**plain, **IDENTIFYING, **change}.items() if v is not None}
        if what == "absent":
            del flat["consent.share_identity"]
        event = s.event(MADE, source, to, flat=flat)
        _give_all(event, reader)
        yield s.refused(about, s.log(source).one(event.value()), agency=reader, spec=spec)
    opened: dict[str, tuple[str, str, tuple[str, ...], dict[str, JSON], str]] = {
        "given": (POLICE, COUNCIL, (COUNCIL, SUPPORT), dict(IDENTIFYING), "All scopes are given."),
        "nothing_identifies": (
            POLICE,
            COUNCIL,
            (COUNCIL, SUPPORT),
            {"consent.share_identity": False, "urgency": "urgent", "victim.age_band": "25_34"},
            "Without consent, and without a leaf that needs it.",
        ),
        "nothing_said": (
            POLICE,
            COUNCIL,
            (COUNCIL, SUPPORT),
            {"urgency": "urgent"},
            "Nothing is said of consent, and nothing needs it.",
        ),
        "unless_from": (
            PROSECUTION,
            POLICE,
            (POLICE,),
            {**IDENTIFYING, "consent.pass_to_police": False},
            "The scope for the police is not asked of the prosecution.",
        ),
        "scope_of_others_leaf": (
            POLICE,
            COUNCIL,
            (COUNCIL, SUPPORT),
            {
                "victim.address": "Flat 9, 404 Imaginary Row",
                "consent.share_identity": True,
                "consent.support_contact": False,
            },
            "The scope for support is not asked for a leaf that support does not read.",
        ),
        "scope_of_another_role": (
            POLICE,
            COUNCIL,
            (COUNCIL, SUPPORT),
            {**IDENTIFYING, "consent.support_contact": False},
            "Another addressed agency may read the leaf too, and gets no key, because the scope of "
            "its role is not given: that takes nothing from the reader.",
        ),
        "scope_of_own_role": (
            POLICE,
            SUPPORT,
            (COUNCIL, SUPPORT),
            {**IDENTIFYING, "consent.support_contact": False, "victim.age_band": "25_34"},
            "Without the scope of its role the reader gets no key of what is consent-bound, and "
            "opens the rest.",
        ),
        "alone_without_scope": (
            SUPPORT,
            POLICE,
            (POLICE,),
            {"consent.share_identity": True, "consent.pass_to_police": False},
            "The reader alone is addressed, without the scope of its role: the group is empty.",
        ),
        "hate_incident": (
            POLICE,
            COUNCIL,
            (COUNCIL, SUPPORT),
            {**IDENTIFYING, "incident.record_type": "hate_incident"},
            "An incident's identifying leaves, which this type carries with consent.",
        ),
    }
    for what, (source, reader, to, more, about) in opened.items():
        s = Scene(setting, f"10-opened-consent_{what}")
        event = s.event(MADE, source, to, flat={**plain, **more})
        yield s.opened(about, event, s.log(source).one(event.value()), agency=reader, spec=spec)
    flat = {**plain, **IDENTIFYING, "consent.support_contact": False}
    for name, to, about in (
        ("9-consent_missing-key_of_empty_group", (SUPPORT,), "for a group of nothing"),
        ("9-consent_missing-one_of_two_keys", (COUNCIL, SUPPORT), "for one of two such groups"),
    ):
        s = Scene(setting, name)
        event = s.event(MADE, POLICE, to, flat=flat)
        assert event.layout is not None
        at = max(i for i, own in enumerate(event.layout.may_read[SUPPORT]) if own)
        assert event.layout.bound[at]
        if "empty" in name:
            event.groups[at] = {}
        event.may_read[SUPPORT][at] = True
        said = f"A key without the scope of the reader's role, {about}."
        yield s.refused(said, s.log().one(event.value()), agency=SUPPORT, spec=spec)
    s = Scene(setting, "9-group_keys_wrong-consent_given")
    event = s.event(MADE, POLICE, (COUNCIL, SUPPORT), flat={**plain, **IDENTIFYING})
    assert event.layout is not None
    event.may_read[SUPPORT] = [
        may and not bound
        for may, bound in zip(event.may_read[SUPPORT], event.layout.bound, strict=True)
    ]
    yield s.refused(
        "The scope of the reader's role is given, and it gets no key of what is consent-bound.",
        s.log().one(event.value()),
        agency=SUPPORT,
        spec=spec,
    )
    for name, change, about in (
        (
            "9-consent_missing-never",
            {"crime_reference": "CR/90210/25"},
            "An incident's identifying leaf in a type that never carries one.",
        ),
        ("10-opened-consent_never", {}, "An incident without identifying leaves in such a type."),
    ):
        s = Scene(setting, name)
        flat = {"case_id": plain["case_id"], "record_type": "hate_incident", **change}
        event = s.event(CASE, POLICE, (PROSECUTION,), flat=flat)
        one = s.log(logical="b").one(event.value())
        s.then(one, event.answer(PROSECUTION) if "opened" in name else None)
        yield s.case(about, agency=PROSECUTION, spec=spec)
    s = Scene(setting, "10-opened-consent_not_asked")
    flat = {"case_id": plain["case_id"], "crime_reference": "CR/90210/25"}
    event = s.event(CASE, POLICE, (PROSECUTION,), flat=flat)
    yield s.opened(
        "A leaf that identifies in a type without consent leaves needs none.",
        event,
        s.log(logical="b").one(event.value()),
        agency=PROSECUTION,
        spec=spec,
    )
    s = Scene(setting, "10-opened-consent_unseen_leaf")
    event = s.event(
        MADE,
        POLICE,
        (COUNCIL, SUPPORT),
        flat={
            **plain,
            "incident.narrative": "An account that was sent against its scope.",
            "consent.share_identity": False,
        },
    )
    yield s.opened(
        "A leaf without its consent that only another agency may read is not seen.",
        event,
        s.log().one(event.value()),
        spec=spec,
    )


def _give_all(draft: Draft, reader: str) -> None:
    """The keys of all groups that the reader is granted, with or without consent."""
    assert draft.layout is not None
    draft.may_read[reader] = list(draft.layout.may_read[reader])


def _required(setting: Setting) -> Iterator[Case]:
    for path in ("case_id", "referral_id", "requested_service"):
        s = Scene(setting, f"9-event_invalid-{path}")
        draft = s.event(to=(COUNCIL,), without=[path])
        yield s.refused(
            f"An event without {path}, which the contract requires.",
            s.log().one(draft.value()),
            spec="contracts.md, Required leaves",
        )
    s = Scene(setting, "9-consent_missing-before_required")
    draft = s.event(to=(COUNCIL,), without=["case_id"], consent__share_identity=False)
    yield s.refused("Consent is looked at before what is required.", s.log().one(draft.value()))
    s = Scene(setting, "9-event_invalid-status")
    draft = s.event(CHANGED, to=(COUNCIL,), without=["status"])
    yield s.refused(
        "A change without its status.",
        s.log().one(draft.value()),
        spec="contracts.md, Required leaves",
    )
