"""Versions of a contract: effect, changeover, narrowing, and leaving by signature.

docs/spec/contracts.md, Versions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from broker.registry.contracts import SignedContract, verify_contract
from contracts.loading import parse_contract
from contracts.model import topic_name
from tests.vectors.making.agencies import (
    COUNCIL,
    DAY,
    POLICE,
    PROSECUTION,
    SECOND,
    SUPPORT,
    Member,
    instant,
)
from tests.vectors.making.event_drafts import CASE, MADE, PLAIN
from tests.vectors.making.ground import Ground
from tests.vectors.making.scene import Case, Scene
from tests.vectors.making.setting import Setting, founded
from tests.vectors.making.terms import Tree, event_type, field, notes_of, small_agreement, text_of

SPEC = "contracts.md, Versions"
EFFECT = instant(2026, 3, 12, 6)
"""When the last party signed the second version, two days after its first day."""
UNTIL = EFFECT + 7 * DAY
PARTED = instant(2026, 3, 20)
"""First day of the version without the prosecution, which only the police signed, before it."""
PLAIN_CASE = {"case_id": PLAIN["case_id"], "case_status": "awaiting-court-result"}


@dataclass(frozen=True)
class Versions:
    """The three versions of the setting."""

    first: SignedContract
    second: SignedContract
    third: SignedContract


def _second(first: SignedContract, members: Sequence[Member]) -> Tree:
    """Narrower: no urgency for the council, and no case updates to it."""
    tree = small_agreement(members)
    tree |= {"version": "1.1.0", "starts": "2026-03-10", "previous": [first.hash.hex()]}
    fields = tree["event_types"][MADE]["fields"]
    fields["urgency"] = field(("police", "support"))
    others = ("police", "prosecution", "support")
    everyone = (*others, "council")
    tree["event_types"][CASE] = event_type(
        ("police", "prosecution", "council"),
        everyone,
        {"case_id": field(others), "case_status": field(everyone)},
        topic="b",
    )
    return tree


def _third(first: SignedContract, second: SignedContract, members: Sequence[Member]) -> Tree:
    tree = small_agreement([one for one in members if one.id != PROSECUTION])
    tree |= {
        "version": "1.2.0",
        "starts": "2026-03-20",
        "previous": sorted([first.hash.hex(), second.hash.hex()]),
    }
    lawyers = "prosecution"
    tree["roles"].pop(lawyers, None)
    for terms in tree["event_types"].values():
        for key in ("publishers", "recipients"):
            terms[key] = [one for one in terms[key] if one != lawyers]
        for leaf in terms["fields"].values():
            for key in ("readers", "senders"):
                if key in leaf:
                    leaf[key] = [one for one in leaf[key] if one != lawyers]
    return tree


def _contract(tree: Tree, notes: dict[str, bytes]) -> SignedContract:
    return verify_contract(parse_contract(text_of(tree), "contract.yaml"), notes.values())


def versions_of(setting: Setting) -> Versions:
    """The versions, as the setting has them."""
    first = setting.signed
    members = list(setting.members.values())
    tree = _second(first, members)
    raw = text_of(tree)
    notes = notes_of(tree, raw, members)
    late = [setting.members[COUNCIL]]
    notes |= notes_of(tree, raw, late, time="2026-03-12T06:00:00.000Z")
    second = _contract(tree, notes)
    tree = _third(first, second, members)
    police = [setting.members[POLICE]]
    return Versions(first, second, _contract(tree, notes_of(tree, text_of(tree), police)))


def versions(ground: Ground) -> Setting:
    """An agreement, a narrower version, and one without the prosecution that one party signed."""
    setting = founded("versions", ground)
    found = versions_of(setting)
    for signed in (found.second, found.third):
        setting.add_contract(f"{signed.contract.name}-{signed.contract.version}", signed)
    return setting


def _case(
    setting: Setting,
    name: str,
    about: str,
    signed: SignedContract,
    at: int,
    *,
    event_of: str = MADE,
    source: str = POLICE,
    reader: str = COUNCIL,
    narrowed: bool = False,
) -> Case:
    s = Scene(setting, name)
    flat: dict[str, Any] = (PLAIN | {"urgency": "routine"}) if event_of == MADE else PLAIN_CASE
    event = replace(s.event(event_of, source, (reader,), signed=signed, flat=flat), time=at)
    log = s.log(source, topic=topic_name(signed.contract, "a" if event_of == MADE else "b"), now=at)
    answer = event.answer(reader) if "opened" in name else None
    if narrowed:
        assert answer is not None
        del answer["data"]["urgency"]
        answer["withheld"] = sorted({*answer["withheld"], "urgency"})
    s.then(log.one(event.value()), answer)
    return s.case(about, agency=reader, now=at, spec=SPEC)


def cases(setting: Setting) -> Iterator[Case]:
    """One for each side of each time."""
    held = versions_of(setting)
    first, second = held.first, held.second
    yield _case(
        setting,
        "10-opened-version_before_effect",
        "Under the first version, the second before the second has effect.",
        first,
        EFFECT - SECOND,
    )
    for what, at in (("at_effect", EFFECT), ("last_second_of_changeover", UNTIL - SECOND)):
        yield _case(
            setting,
            f"10-opened-version_narrowed_{what}",
            "During the changeover: opened, without the leaf that the second version does not "
            "grant.",
            first,
            at,
            narrowed=True,
        )
    yield _case(
        setting,
        "6-contract_replaced-after_changeover",
        "Under the first version, at the end of the changeover.",
        first,
        UNTIL,
    )
    yield _case(
        setting,
        "10-contract_replaced-case_not_granted",
        "During the changeover: the second version does not grant the case of this type.",
        first,
        EFFECT,
        event_of=CASE,
    )
    yield _case(
        setting,
        "6-contract_not_in_force-before_effect",
        "Under the second version, after its first day and before the last party signed.",
        second,
        EFFECT - SECOND,
    )
    yield _case(
        setting,
        "10-opened-version_at_effect",
        "Under the second version, when it has effect.",
        second,
        EFFECT,
    )
    for what, source, reader in (
        ("removed", POLICE, PROSECUTION),
        ("signer", PROSECUTION, POLICE),
    ):
        for name, at in (
            (f"10-opened-{what}_before_parting", PARTED - SECOND),
            (f"6-contract_left-{what}_at_parting", PARTED),
        ):
            yield _case(
                setting,
                name,
                f"The police alone signed a version without the prosecution. The reader is the "
                f"{'removed party' if what == 'removed' else 'signer'}.",
                second,
                at,
                event_of=CASE,
                source=source,
                reader=reader,
            )
    for source, reader in ((COUNCIL, PROSECUTION), (SUPPORT, POLICE)):
        yield _case(
            setting,
            f"10-opened-parting_of_others_{source}",
            "A party that has not signed the version without the prosecution has parted from no "
            "party.",
            second,
            PARTED,
            event_of=CASE if reader == PROSECUTION else MADE,
            source=source,
            reader=reader,
        )
