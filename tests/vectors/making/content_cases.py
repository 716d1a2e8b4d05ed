"""Cases of step 9: padding, the one form of JSON, group 0, and whom it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from broker.envelope.canonical import format_json
from broker.envelope.padding import pad
from broker.event import JSON
from tests.vectors.making.agencies import COUNCIL, POLICE, PROSECUTION, SUPPORT
from tests.vectors.making.event_drafts import CASE, MADE
from tests.vectors.making.scene import Case, Scene
from tests.vectors.making.setting import Setting


def cases(setting: Setting) -> Iterator[Case]:
    """All of them."""
    yield from _padding(setting)
    yield from _json(setting)
    yield from _group_zero(setting)
    yield from _addressed(setting)


def _padding(setting: Setting) -> Iterator[Case]:
    paddings: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
        "byte_more": ("A zero more.", lambda c: pad(c) + b"\x00"),
        "one": ("A byte of padding that is 1.", lambda c: pad(c)[:-1] + b"\x01"),
        "first_byte": (
            "The first byte of padding is 1.",
            lambda c: pad(c)[: 4 + len(c)] + b"\x01" + pad(c)[5 + len(c) :],
        ),
        "block_more": ("The next larger size of Padme.", lambda c: pad(c).ljust(320, b"\x00")),
        "length_large": (
            "A length of 2^32 - 1.",
            lambda c: b"\xff" * 4 + pad(c)[4:],
        ),
        "length_short": (
            "A length that leaves the last byte of JSON to the padding.",
            lambda c: (len(c) - 1).to_bytes(4, "big") + pad(c)[4:],
        ),
        "length_zero": (
            "A length of nothing.",
            lambda c: bytes(4) + pad(c)[4:],
        ),
        "little_endian": (
            "A length in the other order of bytes.",
            lambda c: len(c).to_bytes(4, "little") + pad(c)[4:],
        ),
    }
    for what, (about, padded) in paddings.items():
        s = Scene(setting, f"9-padding_wrong-{what}")
        draft = replace(s.small(), padded=padded)
        assert len(draft.contents()[0]) < 250
        yield s.refused(about, s.log().one(draft.value()), spec="envelope.md, Padding")
    for what, floors, about in (
        ("floor_of_bound", (256, 256), "A consent-bound group with the floor of the others."),
        ("floor_of_plain", (1024, 1024), "Group 0 with the floor of a consent-bound group."),
    ):
        s = Scene(setting, f"9-padding_wrong-{what}")
        draft = s.small()
        assert draft.layout is not None
        assert draft.layout.bound == (False, True)
        draft.padded = lambda c, floor=floors[0]: pad(c, floor)  # type: ignore[misc]  # as a constant
        yield s.refused(about, s.log().one(draft.value()), spec="envelope.md, Padding")
    s = Scene(setting, "9-grouping_wrong-before_floor")
    draft = replace(s.small(), padded=lambda c: pad(c, 1024))
    draft.groups[1]["victim.shoe_size"] = 38
    yield s.refused(
        "Leaves are looked at before the floor of padding.",
        s.log().one(draft.value()),
        spec="contracts.md, Step 9",
    )
    s = Scene(setting, "9-padding_wrong-before_json")
    draft = replace(s.event(), padded=lambda c: pad(c) + b"\x00")
    draft.texts[0] = b"{"
    yield s.refused(
        "Padding is looked at with each group, before any JSON.",
        s.log().one(draft.value()),
        spec="contracts.md, Step 9",
    )
    s = Scene(setting, "8-commitment_wrong-after_padding")
    draft = replace(s.event(), commitments={1: bytes(32)})
    draft.texts[0] = b"{"
    yield s.refused(
        "Every group is opened before any JSON is read.",
        s.log().one(draft.value()),
        spec="contracts.md, Step 9",
    )


def _json(setting: Setting) -> Iterator[Case]:
    def said(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
        def change(text: bytes) -> bytes:
            assert text.count(old) == 1, (old, text)
            return text.replace(old, new)

        return change

    service = b'"practical_support"'
    texts: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
        "space": ("White space.", said(b'"type":', b'"type": ')),
        "newline": ("A newline at the end.", lambda t: t + b"\n"),
        "order": (
            "Names out of order.",
            lambda t: b'{"type":"referral.made",' + t[1:].replace(b',"type":"referral.made"', b""),
        ),
        "name_twice": (
            "A name that is there twice.",
            said(
                b'"requested_service":',
                b'"requested_service":"practical_support","requested_service":',
            ),
        ),
        "escape": (
            "A letter that is escaped without need.",
            said(b"practical_", b"\\u0070ractical_"),
        ),
        "solidus": ("An escaped solidus.", said(service, b'"\\/"')),
        "escape_upper": ("An escape in capital letters.", said(service, b'"\\u001F"')),
        "escape_long": ("A newline as a long escape.", said(service, b'"\\u000a"')),
        "escape_text": ("A letter beyond ASCII that is escaped.", said(service, b'"\\u00e9"')),
        "surrogate": ("A lone surrogate.", said(service, b'"\\ud800"')),
        "control": ("A control character that is not escaped.", said(service, b'"\x1f"')),
        "not_utf8": ("Bytes that are not UTF-8.", said(service, b'"\xff"')),
        "overlong": ("A letter in an overlong form of UTF-8.", said(service, b'"\xc1\xa1"')),
        "null": ("A null.", said(service, b"null")),
        "float": ("A number with a fraction of nothing.", said(service, b"1.0")),
        "exponent": ("A number with an exponent.", said(service, b"1e3")),
        "minus_zero": ("Minus zero.", said(service, b"-0")),
        "leading_zero": ("A number with a leading zero.", said(service, b"01")),
        "nan": ("A number that is none.", said(service, b"NaN")),
        "integer_large": ("2^53.", said(service, b"9007199254740992")),
        "integer_small": ("-2^53.", said(service, b"-9007199254740992")),
        "name_not_ascii": ("A name that is not ASCII.", said(b'"type":', '"týpe":'.encode())),
        "depth": (
            "Lists that are nested so that 17 are in each other.",
            said(service, b"[" * 15 + b"]" * 15),
        ),
        "byte_order_mark": ("A byte order mark.", lambda t: b"\xef\xbb\xbf" + t),
        "comma": ("A comma at the end.", said(b'"referral.made"}', b'"referral.made",}')),
        "two": ("Two objects.", lambda t: t + b"{}"),
        "list": ("A list.", lambda t: b"[" + t + b"]"),
        "text": ("A text.", lambda _t: b'"text"'),
        "number": ("A number.", lambda _t: b"7"),
        "empty": ("Nothing.", lambda _t: b""),
    }
    for what, (about, change) in texts.items():
        s = Scene(setting, f"9-json_not_canonical-{what}")
        draft = s.small()
        draft.texts[0] = change(draft.contents()[0])
        assert draft.texts[0] != s.small().contents()[0]
        yield s.refused(about, s.log().one(draft.value()), spec="envelope.md, JSON inside groups")
    s = Scene(setting, "9-json_not_canonical-other_group")
    draft = s.event()
    draft.texts[draft.may_read[COUNCIL].index(True, 1)] = b"{ }"
    yield s.refused(
        "White space in another group than 0.",
        s.log().one(draft.value()),
        spec="envelope.md, JSON inside groups",
    )
    s = Scene(setting, "10-event_invalid-depth_16")
    draft = s.small()
    nested: JSON = "practical_support"
    for _ in range(14):
        nested = [nested]
    draft.groups[0]["requested_service"] = nested
    yield s.refused(
        "16 lists and objects in each other are JSON of a group; no leaf has such a value.",
        s.log().one(draft.value()),
        spec="envelope.md, JSON inside groups",
    )
    for number in (2**53 - 1, -(2**53) + 1):
        s = Scene(setting, f"10-event_invalid-integer_{'large' if number > 0 else 'small'}")
        draft = s.small()
        draft.groups[0]["requested_service"] = number
        yield s.refused(
            f"{number} is JSON of a group; no leaf has such a value.",
            s.log().one(draft.value()),
            spec="envelope.md, JSON inside groups",
        )


def _group_zero(setting: Setting) -> Iterator[Case]:
    s = Scene(setting, "9-group_zero-no_key")
    draft = s.event()
    draft.may_read[COUNCIL][0] = False
    yield s.refused("No key for group 0.", s.log().one(draft.value()))
    heads: dict[str, tuple[str, object]] = {
        "type_missing": ("No type.", {"data": {}, "to": [COUNCIL]}),
        "member_more": (
            "A member more.",
            {"data": {}, "to": [COUNCIL], "type": MADE, "x": 1},
        ),
        "data_list": ("Data as a list.", {"data": [], "to": [COUNCIL], "type": MADE}),
        "type_list": ("The type as a list.", {"data": {}, "to": [COUNCIL], "type": [MADE]}),
        "to_text": ("One addressed agency as a text.", {"data": {}, "to": COUNCIL, "type": MADE}),
        "to_object": (
            "Addressed agencies as an object.",
            {"data": {}, "to": {COUNCIL: 1}, "type": MADE},
        ),
        "to_number": ("A number among them.", {"data": {}, "to": [1], "type": MADE}),
        "to_true": (
            "A boolean among them.",
            {"data": {}, "to": [True, COUNCIL], "type": MADE},
        ),
        "to_unsorted": (
            "Addressed agencies out of order.",
            {"data": {}, "to": [SUPPORT, COUNCIL], "type": MADE},
        ),
        "to_twice": (
            "An addressed agency twice.",
            {"data": {}, "to": [COUNCIL, COUNCIL], "type": MADE},
        ),
        "empty": ("An empty object.", {}),
    }
    identity = "2bcd261d-54b7-4a19-8019-996f90793065"
    ids: dict[str, tuple[str, object]] = {
        "id_number": ("An event's id as a number.", 7),
        "id_text": ("An event's id that is no UUID.", "event-7"),
        "id_upper": ("An event's id in capital letters.", identity.upper()),
        "id_without_hyphens": ("An event's id without hyphens.", identity.replace("-", "")),
        "id_in_braces": ("An event's id in braces.", f"{{{identity}}}"),
        "id_empty": ("An event's id that is empty.", ""),
    }
    for what, (about, stated) in ids.items():
        heads[what] = (about, {"data": {}, "id": stated, "to": [COUNCIL], "type": MADE})
    s = Scene(setting, "9-group_zero-id_in_the_clear")
    draft = s.small()
    draft.event_id = draft.id
    yield s.refused(
        "The event's id stands in group 0 and is the id in the clear too.",
        s.log().one(draft.value()),
    )
    for what, (about, head) in heads.items():
        s = Scene(setting, f"9-group_zero-{what}")
        draft = s.small()
        draft.texts[0] = format_json(head)
        yield s.refused(about, s.log().one(draft.value()))


def _addressed(setting: Setting) -> Iterator[Case]:
    for what, to, about in (
        ("fewer", [COUNCIL], "Fewer agencies are named than there are recipients."),
        ("none", [], "No agency is named."),
        ("more", [COUNCIL, PROSECUTION, SUPPORT], "More agencies are named than recipients."),
        ("not_reader", [PROSECUTION, SUPPORT], "The reader has a wrap and is not named."),
        ("sender", [COUNCIL, POLICE], "The sender is named."),
    ):
        s = Scene(setting, f"9-addressed_wrong-{what}")
        draft = s.event()
        draft.head = {"to": list(to), "type": MADE}
        yield s.refused(about, s.log().one(draft.value()))
    s = Scene(setting, "9-addressed_wrong-64_recipients")
    draft = s.small()
    length = 28 + 32 * len(draft.groups)
    draft.extra_entries = [
        (
            draft.ground.draw(1168, "stranger's wrap", draft.label, number),
            draft.ground.draw(length, "stranger's keys", draft.label, number),
        )
        for number in range(63)
    ]
    yield s.refused("64 recipients, and the reader is one of them.", s.log().one(draft.value()))
    s = Scene(setting, "9-recipient_not_permitted-stranger")
    draft = s.event()
    draft.head = {"to": [COUNCIL, "somebody-else"], "type": MADE}
    yield s.refused("An addressed agency that is no party.", s.log().one(draft.value()))
    s = Scene(setting, "9-recipient_not_permitted-role")
    draft = s.event(to=(COUNCIL, PROSECUTION))
    yield s.refused(
        "An addressed agency whose role may not receive the type.", s.log().one(draft.value())
    )
    s = Scene(setting, "9-type_unknown-no_such_type")
    draft = s.event()
    draft.head = {"to": [COUNCIL, SUPPORT], "type": "case.deleted"}
    yield s.refused("A type that the contract does not have.", s.log().one(draft.value()))
    s = Scene(setting, "9-type_not_permitted")
    draft = s.event(CASE, SUPPORT, (COUNCIL, POLICE))
    yield s.refused(
        "A type that the sender's role may not publish.",
        s.log(SUPPORT, "b").one(draft.value()),
    )
    s = Scene(setting, "9-grouping_wrong-before_type_not_permitted")
    draft = s.event(CASE, SUPPORT, (COUNCIL, POLICE))
    draft.groups[0]["cps_stage"] = "legal_decision"
    yield s.refused(
        "A leaf outside of its group is looked at before who may publish.",
        s.log(SUPPORT, "b").one(draft.value()),
    )
