"""Events that a sender seals as it likes: what is inside of an honest envelope is altered.

docs/spec/contracts.md (steps 9 and 10), envelope.md. Types, senders, addressed agencies and leaves
are drawn; then leaves change, move between groups, come and go, texts are not in their one form,
keys are withheld or given. All of it is sealed and signed as it must be, and read by every agency.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from uuid import UUID

from broker.envelope.canonical import CanonicalError, format_json
from broker.envelope.padding import BOUND_FLOOR_BYTES, FLOOR_BYTES, pad
from broker.keys.kid import EXCHANGE, STREAM
from broker.record import Record, format_record
from contracts.errors import ContractError, EventError
from contracts.loading import ContractText, parse_contract
from contracts.model import topic_name
from tests.differential.alteration import altered, grown
from tests.differential.altered_vectors import by_setting, ground
from tests.differential.comparison import Comparison, Family
from tests.differential.readings import SETTINGS, agencies, compared
from tests.vectors.making.agencies import CAST, Key, Member
from tests.vectors.making.event_drafts import Draft, draft_event
from tests.vectors.making.streams import signed_record

OTHERS = ("contracts", "odd-terms", "six-roles", "standing", "vocabularies", "vocabularies")
VALUES: tuple[object, ...] = (
    *(True, False, 0, 1, -1, 2**31, 2**53 - 1, "", " ", "x", "é" * 300, "x" * 301, "\x7f", "a\nb"),
    *("2026-02-28", "2026-02-30", "2026-03-01T24:00:00.000Z", "2026-03-01T10:00:00.000Z"),
    *("2026-03-01T10:00:00Z", "2026-03-01T10:00:00.000+00:00", "10:00", "24:00", "E09000007"),
    *("7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38", "7D0F6A52-93C1-4E8B-A2D4-51C6E09B7F38"),
    *(
        "N1 9GU",
        "01AB1234526",
        "a@b.example",
        "practical_support",
        "race",
        "hate_crime",
        "accepted",
    ),
    *([], ["race"], ["race", "race"], ["religion", "race"], {}, {"a": 1}, [{}], [[]], "police"),
)


@cache
def _terms(folder: Path) -> tuple[ContractText, ...]:
    """The contracts of a setting that can be read at all."""
    found = []
    for file in sorted((folder / "contracts").glob("*.yaml")):
        try:
            found.append(parse_contract(file.read_bytes(), file.name))
        except ContractError:
            continue
    return tuple(found)


@cache
def _exchange(agency: str) -> Key:
    return Member(ground(), agency).key(EXCHANGE)


def _value(rng: Random) -> Callable[[], object]:
    return lambda: deepcopy(rng.choice(VALUES))


def _draft(text: ContractText, label: str, rng: Random) -> Draft:
    contract = text.contract
    words = contract.vocabulary
    event_type = rng.choice([name for name in contract.event_types if name in words.event_types])
    terms = contract.event_types[event_type]
    members = list(contract.role_of)
    fitting = [agency for agency in members if contract.role_of[agency] in terms.publishers]
    source = rng.choice(fitting if fitting and rng.random() < 0.9 else members)
    others = [
        agency
        for agency in members
        if agency != source and (contract.role_of[agency] in terms.recipients or rng.random() < 0.1)
    ]
    return draft_event(
        ground(),
        label,
        contract,
        text.hash,
        {agency: _exchange(agency) for agency in members},
        event_type,
        source,
        rng.sample(others, rng.randint(1, len(others))) if others else members[:1],
        without=_left_out(list(words.type(event_type).leaves), rng),
    )


def _left_out(leaves: list[str], rng: Random) -> list[str]:
    if rng.random() < 0.6:
        return []
    return [path for path in leaves if rng.random() < rng.choice((0.1, 0.5))]


def _change_leaf(draft: Draft, rng: Random) -> None:
    group = rng.choice(draft.groups)
    if group:
        path = rng.choice(sorted(group))
        group[path] = _changed(group[path], rng)


def _changed(value: object, rng: Random) -> object:  # a value of the same kind now and then
    if isinstance(value, (dict, list)) and value and rng.random() < 0.6:
        return grown(value, rng, [_value(rng)], ["a", "name"])
    if isinstance(value, str) and rng.random() < 0.4:
        text = altered(value.encode(), rng).decode("utf-8", "replace")
        return text.replace("\x00", "")
    return _value(rng)()


def _change_consent(draft: Draft, rng: Random) -> None:
    for group in draft.groups:
        for path in [path for path in group if path.startswith("consent.")]:
            if rng.random() < 0.5:
                group[path] = rng.random() < 0.5
            elif rng.random() < 0.3:
                del group[path]


def _move_leaf(draft: Draft, rng: Random) -> None:
    giver, taker = rng.choice(draft.groups), rng.choice(draft.groups)
    if giver:
        path = rng.choice(sorted(giver))
        taker[path] = giver[path] if rng.random() < 0.3 else giver.pop(path)


def _add_leaf(draft: Draft, rng: Random) -> None:
    kind = draft.head.get("type")
    types = draft.agreement.vocabulary.event_types if draft.agreement is not None else {}
    known = list(types[kind].leaves) if isinstance(kind, str) and kind in types else []
    path = rng.choice([*known, "unknown", "consent", "incident"])
    rng.choice(draft.groups)[path] = _value(rng)()


def _change_head(draft: Draft, rng: Random) -> None:
    to = sorted(draft.to)
    head = grown(
        draft.head,
        rng,
        [
            lambda: to,
            lambda: to[::-1],
            lambda: rng.choice(CAST),
            lambda: sorted(rng.sample(CAST, rng.randint(0, 4))),
            lambda: rng.choice(("case.updated", "referral.made", "safety.warned")),
            _value(rng),
        ],
        ["to", "type", "more"],
    )
    if isinstance(head, dict):
        draft.head = {name: value for name, value in head.items() if name != "data"}


def _change_keys(draft: Draft, rng: Random) -> None:
    may_read = draft.may_read[rng.choice(draft.to)]
    at = rng.randrange(len(may_read))
    if rng.random() < 0.6:
        may_read[at] = not may_read[at]
    else:
        draft.secrets_of[rng.choice(draft.to)] = {
            at: bytes(32) if rng.random() < 0.3 else b"k" * 32
        }


def _change_groups(draft: Draft, rng: Random) -> None:
    if rng.random() < 0.5 and len(draft.groups) > 1:
        draft.groups.pop()
        for may_read in draft.may_read.values():
            may_read.pop()
    elif len(draft.groups) < 16:
        draft.groups.append({})
        for may_read in draft.may_read.values():
            may_read.append(rng.random() < 0.5)


def _change_text(draft: Draft, rng: Random) -> None:
    contents = draft.contents()
    at = rng.randrange(len(contents))
    draft.texts[at] = altered(contents[at], rng, contents)


def _change_sealing(draft: Draft, rng: Random) -> None:
    how, at = rng.randrange(7), rng.randrange(len(draft.groups))
    if how == 0:
        draft.commitments[at] = bytes(32)
    elif how == 1:
        draft.ciphertexts[at] = lambda ciphertext: ciphertext[:-1] + bytes([ciphertext[-1] ^ 1])
    elif how == 2:
        floor = rng.choice((FLOOR_BYTES, BOUND_FLOOR_BYTES))
        draft.padded = lambda content: altered(pad(content, floor), rng).ljust(floor, b"\0")
    elif how == 5:  # the floor of the other kind of group, or of both
        floor = rng.choice((FLOOR_BYTES, BOUND_FLOOR_BYTES))
        draft.padded = lambda content: pad(content, floor)
    elif how == 3:
        draft.key_lists = lambda keys: keys[:-1] + bytes([keys[-1] ^ 1])
    else:
        draft.time += rng.choice((-(10**9), 299999, 300000, 300001, 10**12))


CHANGES: tuple[Callable[[Draft, Random], None], ...] = (
    *(_change_leaf, _change_leaf, _change_leaf, _change_consent, _move_leaf, _add_leaf),
    *(_change_head, _change_keys, _change_groups, _change_text, _change_sealing),
)


def _made(text: ContractText, number: int, rng: Random) -> Record | None:
    """A record in a log of its own; None if nobody could seal what was drawn."""
    try:
        draft = _draft(text, f"differential {rng.randrange(10**6)}", rng)
        for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
            rng.choice(CHANGES)(draft, rng)
            format_json([draft.head, *draft.groups])
    except (CanonicalError, ContractError, EventError):  # no JSON, or terms that allow no example
        return None
    if rng.random() < 0.2:
        draft = replace(draft, id=UUID(int=rng.randrange(2), version=4))
    contract = text.contract
    return signed_record(
        draft.value(),
        Member(ground(), draft.source).key(STREAM).cosigner,
        topic_name(contract, rng.choice(list(contract.topics))),
        agency=draft.source,
        partition=number,
    )


def compare(rng: Random) -> Comparison:
    """One to three events of one setting, to several of its agencies."""
    folder = SETTINGS / rng.choice(("partnership",) * 3 + OTHERS)
    records = [
        _made(rng.choice(_terms(folder)), number, rng) for number in range(rng.randint(1, 3))
    ]
    lines = [format_record(record) for record in records if record is not None]
    chosen = rng.sample(agencies(folder), rng.randint(1, len(agencies(folder))))
    now = min(case.now for case in by_setting()[folder])  # not before a manifest was issued
    return compared(folder, chosen, now, lines, "sealed again")


FAMILIES = (Family("events sealed again", compare, 60),)
