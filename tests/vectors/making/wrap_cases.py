"""Cases of steps 5, 7 and 8: the layout, whose wraps, key lists, commitments and ciphertexts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from broker.envelope import framing
from broker.envelope.layout import (
    MAX_RECIPIENTS,
    MIN_CIPHERTEXT_BYTES,
    WRAP_BYTES,
    key_list_bytes,
)
from broker.envelope.primitives import AeadKey
from tests.vectors.making.agencies import (
    COUNCIL,
    DEPLOYMENT,
    MINUTE,
    NOW,
    POLICE,
    PROSECUTION,
    SUPPORT,
)
from tests.vectors.making.commitment import two_faced
from tests.vectors.making.event_drafts import CASE, Draft, Terms
from tests.vectors.making.scene import NOT_ADDRESSED, Case, Scene
from tests.vectors.making.setting import Setting

HEAD_BYTES = 1 + 16 + 8 + 32
"""All before the number of groups."""


def cases(setting: Setting) -> Iterator[Case]:
    """All of them."""
    yield from _layouts(setting)
    yield from _times(setting)
    yield from _wraps(setting)
    yield from _key_lists(setting)
    yield from _groups(setting)


# --- step 5: the layout ---------------------------------------------------------------------------


def _be16(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _layouts(setting: Setting) -> Iterator[Case]:
    damages: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
        "version_unknown-2": ("Version 2.", lambda v: b"\x02" + v[1:]),
        "version_unknown-0": ("Version 0.", lambda v: b"\x00" + v[1:]),
        "value_malformed-empty": ("An empty value.", lambda _v: b""),
        "value_malformed-32_bytes": (
            "32 bytes, which a leaf record would have.",
            lambda v: v[:32],
        ),
        "value_malformed-head": (
            "A value that ends inside the contract's hash; looked at before the version.",
            lambda v: b"\x02" + v[1 : HEAD_BYTES - 1],
        ),
        "value_malformed-count_cut": (
            "A value that ends inside its number of groups.",
            lambda v: v[: HEAD_BYTES + 1],
        ),
        "value_malformed-byte_less": ("A byte less.", lambda v: v[:-1]),
        "value_malformed-byte_more": ("A byte more.", lambda v: v + b"\x00"),
        "value_malformed-group_cut": (
            "A value that ends inside a group's head.",
            lambda v: v[: HEAD_BYTES + 2 + 35],
        ),
        "value_malformed-group_long": (
            "A group that is longer than the value.",
            lambda v: v[: HEAD_BYTES + 2 + 32] + b"\xff" * 4 + v[HEAD_BYTES + 38 :],
        ),
        "value_malformed-no_recipients": (
            "A value that ends before its number of recipients.",
            lambda v: v[: _recipients_at(v) + 1],
        ),
        "groups_count-none": (
            "No group.",
            lambda v: v[:HEAD_BYTES] + _be16(0) + v[HEAD_BYTES + 2 :],
        ),
        "groups_count-17": (
            "17 groups.",
            lambda v: v[:HEAD_BYTES] + _be16(17) + v[HEAD_BYTES + 2 :],
        ),
        "recipients_count-none": (
            "No recipient, and no bytes of one.",
            lambda v: v[: _recipients_at(v)] + _be16(0),
        ),
        "recipients_count-65": (
            "65 recipients; looked at before the length.",
            lambda v: v[: _recipients_at(v)] + _be16(65),
        ),
        "value_malformed-recipients_64": (
            "64 recipients are allowed, but there are two.",
            lambda v: v[: _recipients_at(v)] + _be16(64) + v[_recipients_at(v) + 2 :],
        ),
        "recipients_order-descending": ("Recipients in descending order.", _swapped),
        "recipients_order-twice": ("The same recipient twice.", _doubled),
    }
    for what, (about, damage) in damages.items():
        s = Scene(setting, f"5-{what}")
        yield s.refused(about, s.log().one(damage(s.event().value())), spec="envelope.md, Layout")
    s = Scene(setting, "5-value_malformed-ciphertext_short")
    draft = s.event()
    draft.ciphertexts[1] = lambda c: c[: MIN_CIPHERTEXT_BYTES - 1]
    yield s.refused(
        "A ciphertext of 271 bytes.", s.log().one(draft.value()), spec="envelope.md, Layout"
    )
    s = Scene(setting, "5-not_addressed-64_recipients")
    draft = s.event(to=(POLICE, SUPPORT), source=PROSECUTION)
    draft.extra_entries = _strangers(draft, MAX_RECIPIENTS - 2)
    s.then(s.log(PROSECUTION).one(draft.value()), NOT_ADDRESSED)
    yield s.case("64 recipients, of which none is the reader.", spec="envelope.md, Layout")


def _recipients_at(value: bytes) -> int:
    groups = int.from_bytes(value[HEAD_BYTES : HEAD_BYTES + 2], "big")
    at = HEAD_BYTES + 2
    for _ in range(groups):
        at += 36 + int.from_bytes(value[at + 32 : at + 36], "big")
    return at


def _entry_bytes(value: bytes) -> int:
    return WRAP_BYTES + key_list_bytes(int.from_bytes(value[HEAD_BYTES : HEAD_BYTES + 2], "big"))


def _swapped(value: bytes) -> bytes:
    at, length = _recipients_at(value) + 2, _entry_bytes(value)
    return value[:at] + value[at + length :] + value[at : at + length]


def _doubled(value: bytes) -> bytes:
    at, length = _recipients_at(value) + 2, _entry_bytes(value)
    return value[: at + length] + value[at : at + length]


def _strangers(draft: Draft, count: int) -> list[tuple[bytes, bytes]]:
    length = key_list_bytes(len(draft.groups))
    return [
        (
            draft.ground.draw(WRAP_BYTES, "stranger's wrap", draft.label, number),
            draft.ground.draw(length, "stranger's keys", draft.label, number),
        )
        for number in range(count)
    ]


def _times(setting: Setting) -> Iterator[Case]:
    s = Scene(setting, "5-time_ahead")
    ahead = replace(s.event(), time=NOW + 5 * MINUTE + 1)
    yield s.refused(
        "An event's time of a millisecond more than five minutes after log time.",
        s.log().one(ahead.value()),
    )
    s = Scene(setting, "10-opened-time_five_minutes_ahead")
    event = replace(s.event(), time=NOW + 5 * MINUTE)
    yield s.opened(
        "An event's time of exactly five minutes after log time.",
        event,
        s.log().one(event.value()),
        spec="opening.md, step 5",
    )
    s = Scene(setting, "10-opened-long_before_log_time")
    event = replace(s.event(), time=7)
    yield s.opened(
        "An event that waited long in the outbox: there is no limit below.",
        event,
        s.log().one(event.value()),
        spec="opening.md, step 5",
    )
    s = Scene(setting, "5-time_ahead-last_moment")
    yield s.refused(
        "An event's time of 2^64 - 1.", s.log().one(replace(s.event(), time=2**64 - 1).value())
    )


# --- step 5: wraps --------------------------------------------------------------------------------


def _wraps(setting: Setting) -> Iterator[Case]:
    s = Scene(setting, "5-not_addressed-to_others")
    draft = s.event(CASE, to=(PROSECUTION, SUPPORT))
    s.then(s.log(logical="b").one(draft.value()), NOT_ADDRESSED)
    yield s.case("An event for others.")
    s = Scene(setting, "5-not_addressed-own")
    draft = s.event()
    log = s.log()
    s.then(log.one(draft.value()), NOT_ADDRESSED)
    s.then(log.one(b"not even a value"), NOT_ADDRESSED)
    yield s.case("What the reader itself sent is not looked at further.", agency=POLICE)
    s = Scene(setting, "5-not_addressed-stolen")
    stolen = s.event(to=(COUNCIL,))
    s.then(s.log().one(stolen.value()), stolen.answer(COUNCIL))
    s.then(s.log(SUPPORT).one(stolen.value()), NOT_ADDRESSED)
    yield s.case(
        "A police event that the support service signs as its own opens for nobody, though the "
        "wrap was opened before: what a wrap gave is remembered with its source.",
        spec="envelope.md, Derivations",
    )
    own = setting.signed.hash
    for what, terms, about in (
        ("source", Terms(DEPLOYMENT, own, SUPPORT), "A wrap that was made by another sender."),
        (
            "deployment",
            Terms("pan-leeds", own, POLICE),
            "A wrap that was made in another deployment.",
        ),
        (
            "contract",
            Terms(DEPLOYMENT, bytes(32), POLICE),
            "A wrap that was made under another contract.",
        ),
        (
            "recipient",
            Terms(DEPLOYMENT, own, POLICE, recipient=SUPPORT),
            "A wrap for the reader's key that names another agency as the recipient.",
        ),
    ):
        s = Scene(setting, f"5-not_addressed-wrap_of_other_{what}")
        draft = replace(s.event(to=(COUNCIL,)), terms=terms)
        s.then(s.log().one(draft.value()), NOT_ADDRESSED)
        yield s.case(about, spec="envelope.md, Derivations")
    s = Scene(setting, "5-not_addressed-wrap_for_other_key_id")
    draft = s.event(to=(COUNCIL,))
    key = setting.exchange[COUNCIL]
    other = replace(
        key,
        listed=setting.exchange[SUPPORT].listed.model_copy(update={"public": key.listed.public}),
    )
    draft = replace(draft, exchange={COUNCIL: other})
    s.then(s.log().one(draft.value()), NOT_ADDRESSED)
    yield s.case("A wrap whose info names another key id.", spec="envelope.md, Derivations")
    s = Scene(setting, "10-opened-second_session")
    first, second = s.event(), s.event()
    second.terms = Terms(DEPLOYMENT, own, POLICE, "second")
    log = s.log()
    s.then(log.one(first.value()), first.answer(COUNCIL))
    s.then(log.one(second.value()), second.answer(COUNCIL))
    third = s.event()
    s.then(log.one(third.value()), third.answer(COUNCIL))
    yield s.case("Two sessions of one sender, in turn.", spec="envelope.md, Derivations")


# --- step 7 ---------------------------------------------------------------------------------------


def _key_lists(setting: Setting) -> Iterator[Case]:
    s = Scene(setting, "7-key_list_broken-bit")
    draft = replace(s.event(), key_lists=lambda keys: keys[:-1] + bytes([keys[-1] ^ 1]))
    yield s.refused("A key list with a bit turned.", s.log().one(draft.value()))
    s = Scene(setting, "7-key_list_broken-nonce")
    draft = replace(s.event(), key_lists=lambda keys: bytes([keys[0] ^ 1]) + keys[1:])
    yield s.refused("A key list under another nonce.", s.log().one(draft.value()))
    s = Scene(setting, "7-key_list_broken-other_event")
    kept: list[bytes] = []

    def keep(keys: bytes) -> bytes:
        kept.append(keys)
        return keys

    log = s.log()
    first = replace(s.event(to=(COUNCIL,)), key_lists=keep)
    s.then(log.one(first.value()), first.answer(COUNCIL))
    second = replace(s.event(to=(COUNCIL,)), key_lists=lambda _keys: kept[0])
    s.then(log.one(second.value()))
    yield s.case("The key list of an earlier event of the same session.")
    for what, change, about in (
        ("id", lambda v: v[:1] + bytes([v[1] ^ 1]) + v[2:], "Another id than the one sealed."),
        ("commitment", _other_commitment, "Another commitment than the one bound."),
    ):
        s = Scene(setting, f"7-key_list_broken-{what}")
        yield s.refused(about, s.log().one(change(s.event().value())))
    s = Scene(setting, "7-key_list_broken-other_agency")
    draft = s.event(to=(COUNCIL,))
    draft.terms = Terms(DEPLOYMENT, draft.contract, POLICE, key_lists_for=SUPPORT)
    yield s.refused(
        "A key list that names another agency as the recipient.", s.log().one(draft.value())
    )
    s = Scene(setting, "7-key_list_broken-other_recipients")
    draft = s.event()
    value = draft.value()
    at, length = _recipients_at(value) + 2, _entry_bytes(value)
    one, two = value[at : at + length], value[at + length :]
    swapped = (one[:WRAP_BYTES] + two[WRAP_BYTES:]) + (two[:WRAP_BYTES] + one[WRAP_BYTES:])
    yield s.refused(
        "The key lists of two recipients changed places.", s.log().one(value[:at] + swapped)
    )
    s = Scene(setting, "10-opened-event_time_is_not_bound")
    draft = s.event()
    value = draft.value()
    later = replace(draft, time=NOW + 1)
    moved = value[:17] + later.time.to_bytes(8, "big") + value[25:]
    yield s.opened(
        "The event's time is bound by the proof, and by nothing of the envelope.",
        later,
        s.log().one(moved),
        spec="envelope.md, Derivations",
    )


def _other_commitment(value: bytes) -> bytes:
    at = HEAD_BYTES + 2
    return value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]


# --- step 8 ---------------------------------------------------------------------------------------


def _groups(setting: Setting) -> Iterator[Case]:
    for group in (0, 1):
        s = Scene(setting, f"8-commitment_wrong-group_{group}")
        draft = replace(s.event(), commitments={group: bytes(32)})
        assert draft.may_read[COUNCIL][group]
        yield s.refused("A key that is not the committed one.", s.log().one(draft.value()))
    s = Scene(setting, "8-group_broken-bit")
    draft = replace(s.event(), ciphertexts={1: lambda c: bytes([c[0] ^ 1]) + c[1:]})
    yield s.refused("A ciphertext with a bit turned.", s.log().one(draft.value()))
    s = Scene(setting, "8-group_broken-other_event")
    first, second = s.event(), s.event()
    taken = _ciphertext(first, 0)
    second.ciphertexts[0] = lambda _c: taken
    log = s.log()
    s.then(log.one(first.value()), first.answer(COUNCIL))
    s.then(log.one(second.value()))
    yield s.case("A group of another event under this event's commitment.")
    s = Scene(setting, "8-group_broken-other_index")
    draft = s.event()
    draft.secrets[1] = draft.group_key(0)[0]
    _, key, _ = draft.group_key(1)
    wrong = AeadKey(key).seal(
        bytes(12), draft.pad_group(1, draft.contents()[1]), framing.group_aad(draft.context, 0)
    )
    draft.ciphertexts[1] = lambda _c: wrong
    yield s.refused("A group that was sealed for another index.", s.log().one(draft.value()))
    s = Scene(setting, "8-commitment_wrong-before_group_broken")
    draft = replace(
        s.event(), commitments={1: bytes(32)}, ciphertexts={0: lambda c: c, 1: lambda c: c[::-1]}
    )
    yield s.refused(
        "The commitment is looked at before the ciphertext.", s.log().one(draft.value())
    )
    s = Scene(setting, "8-group_broken-first_group_first")
    draft = replace(s.event(), commitments={1: bytes(32)}, ciphertexts={0: lambda c: c[::-1]})
    yield s.refused("Groups are opened in order.", s.log().one(draft.value()))
    s = Scene(setting, "10-opened-others_group_broken")
    draft = s.event()
    hidden = draft.may_read[COUNCIL].index(False)
    draft.commitments[hidden] = bytes(32)
    draft.ciphertexts[hidden] = lambda c: c[::-1]
    yield s.opened(
        "A group that the reader has no key for is not looked at.",
        draft,
        s.log().one(draft.value()),
        spec="opening.md, step 8",
    )
    yield from two_faced(setting)


def _ciphertext(draft: Draft, index: int) -> bytes:
    _, key, _ = draft.group_key(index)
    aad = framing.group_aad(draft.context, index)
    return AeadKey(key).seal(bytes(12), draft.pad_group(index, draft.contents()[index]), aad)
