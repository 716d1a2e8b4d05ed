"""A setting of manifests at the edges of their form: notes and their lines, times, numbers, limits.

docs/spec/keys.md, "Signatures in notes" and "Manifests"; docs/spec/README.md, "Conventions". As in
``manifest_worlds``, each lists a stream key of its own, so a case shows by what that key signs
whether the manifest is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from broker.envelope.canonical import format_json, parse_json
from broker.envelope.primitives import b64
from broker.keys.instant import format_instant
from broker.keys.kid import EXCHANGE, RECEIPT, STREAM, kid
from broker.keys.manifest import MANIFEST_LIMIT_BYTES, manifest_text
from broker.tlog.note import Note, SignatureLine, format_note, key_id, parse_note
from tests.vectors.making.agencies import DAY, DEPLOYMENT, FOUNDED, HOUR, POLICE, Key, Member
from tests.vectors.making.ground import Ground
from tests.vectors.making.manifest_worlds import ISSUED
from tests.vectors.making.scene import Case, Scene
from tests.vectors.making.setting import Setting, founded

SPEC_NOTES, SPEC = "keys.md, Signatures in notes", "keys.md, Manifests"
END_OF_TIME = "9999-12-31T23:59:59.999Z"
LARGEST = 2**53 - 1

Content = Callable[[Member, dict[str, Any]], object]
Lines = Callable[[Member, bytes], bytes]


@dataclass(frozen=True)
class Form:
    """A manifest: what its JSON says beside the usual, and what becomes of the signed note."""

    about: str
    content: Content = lambda member, content: None
    note: Lines = lambda member, note: note
    spec: str = SPEC


def _line(name: str, key: bytes, signature: bytes = bytes(64)) -> bytes:
    return f"— {name} {b64(key + signature)}\n".encode()


def _more(*lines: Callable[[Member], bytes]) -> Lines:
    return lambda member, note: note + b"".join(line(member) for line in lines)


def _of_type(kind: bytes) -> Callable[[Member], bytes]:
    """A line under the agency's name, of its own Ed25519 manifest key as another type."""
    return lambda m: _line(m.name, key_id(m.name, kind, m.manifest_keys()[0].public))


def _strangers(count: int) -> Lines:
    return _more(*[lambda m, n=n: _line(f"witness-{n}", b"abcd") for n in range(count)])


def _other_id(old: bytes, new: bytes, index: int) -> Lines:
    """One of the two lines, under the key id of another type."""

    def change(member: Member, note: bytes) -> bytes:
        raw = member.manifest_keys()[index].public
        parsed = parse_note(note)
        lines = list(parsed.signatures)
        assert lines[index].key_id == key_id(member.name, old, raw)
        moved = key_id(member.name, new, raw)
        lines[index] = SignatureLine(lines[index].name, moved, lines[index].signature)
        return format_note(Note(parsed.text, tuple(lines)))

    return change


def _sized(size: int) -> Lines:
    """Lines of a stranger that bring the note to a size; a name has any length, base64 has not."""

    def change(member: Member, note: bytes) -> bytes:
        rest = size - len(note)
        octets = (rest - 64) // 4 * 3
        line = _line("w", b"abcd", bytes(octets - 4))
        name = "w" * (1 + rest - len(line))
        return note + _line(name, b"abcd", bytes(octets - 4))

    return change


def _set(name: str, value: object) -> Content:
    return lambda member, content: content.__setitem__(name, value)


def _listed(key: Callable[[Member], Key], *, more: str | None = None) -> Content:
    """Two entries of one key; the second may begin later."""

    def change(member: Member, content: dict[str, Any]) -> None:
        entry = key(member).listed.model_dump(mode="json", exclude_none=True)
        content["keys"] += [entry, {**entry, **({"not_before": more} if more else {})}]

    return change


def _entry(**changes: object) -> Content:
    """An exchange key's entry that says something else."""

    def change(member: Member, content: dict[str, Any]) -> None:
        public = member.key(EXCHANGE, "odd").listed
        entry = {**public.model_dump(mode="json", exclude_none=True), **changes}
        own = kid(entry["role"], entry["algorithm"], public.public)  # the id is not the fault
        content["keys"].append({**entry, "kid": b64(own)})

    return change


def _revoked(since: str, count: int = 1, stated: int = ISSUED) -> Content:
    return _set(
        "revocations",
        [
            {
                "kid": b64(bytes([n // 256, n % 256] * 16)),
                "reason": "x",
                "since": since,
                "stated": format_instant(stated),
            }
            for n in range(count)
        ],
    )


TAKEN: dict[str, Form] = {
    "lines_of_others": Form(
        "Lines of unknown keys: of strangers, of the own name with key ids of unknown types "
        "(0x02, 0x05, 0x06, 0xff with another name) and of a type that notes do not have.",
        note=_more(
            lambda m: _line("Zeugin-Re\u0301ne\u0301e", b"abcd"),
            lambda m: _line("w" * 255, b"abcd", b"x"),
            lambda m: _line(m.name, b"\x00\x00\x00\x00"),
            _of_type(b"\x02"),
            _of_type(b"\x04"),
            _of_type(b"\x05"),
            _of_type(b"\x06"),
            _of_type(b"\xffSLH-DSA-SHA2-128s"),
        ),
        spec=SPEC_NOTES,
    ),
    "lines_128": Form("128 signature lines.", note=_strangers(126), spec=SPEC_NOTES),
    "lines_first": Form(
        "Lines of others before those of its agency.",
        note=lambda m, n: n.replace(b"\n\n", b"\n\n" + _line("witness", b"abcd"), 1),
        spec=SPEC_NOTES,
    ),
    "largest": Form("A note of exactly 512 KiB.", note=_sized(MANIFEST_LIMIT_BYTES)),
    "since_the_end": Form("A revocation in the last millisecond of 9999.", _revoked(END_OF_TIME)),
    "since_seven_days": Form(
        "A revocation that looks back seven days.", _revoked(format_instant(ISSUED - 7 * DAY))
    ),
    "since_in_a_second": Form(
        "A revocation that is no whole second.", _revoked("2026-02-20T00:00:00.001Z")
    ),
    "revocations_256": Form("256 revocations.", _revoked(END_OF_TIME, 256)),
    "text_256": Form(
        "256 code points beyond the basic plane, which are characters.",
        _set("contacts", {"a": "\U0001f3f3" * 256}),
    ),
    "text_decomposed": Form(
        "Decomposed letters, a space, U+007F and U+0085 in a text.",
        _set("contacts", {"a": "Re\u0301fe\u0301 \x7f\x85"}),
    ),
    "contact_of_63": Form("A contact's name of 63 letters.", _set("contacts", {"a" * 63: "x"})),
}

REFUSED: dict[str, Form] = {
    "key_listed_twice": Form(
        "An exchange key that is listed twice, alike.", _listed(lambda m: m.key(EXCHANGE, "odd"))
    ),
    "key_listed_twice_apart": Form(
        "A receipt key that is listed twice, with two validities.",
        _listed(lambda m: m.key(RECEIPT, "odd"), more="2026-02-21T00:00:00.000Z"),
    ),
    "role_unknown": Form("A key of an unknown role.", _entry(role="audit")),
    "role_governance": Form("A key that is listed as governance key.", _entry(role="governance")),
    "algorithm_unknown": Form("A key of an unknown algorithm.", _entry(algorithm="x25519")),
    "algorithm_of_other_role": Form(
        "An exchange key of a stream key's algorithm.", _entry(algorithm="ed25519")
    ),
    "possession_of_exchange_key": Form(
        "An exchange key with a proof of possession.", _entry(possession=b64(bytes(64)))
    ),
    "issued_leap_second": Form("A leap second.", _set("issued", "2026-02-20T00:59:60.000Z")),
    "issued_offset": Form("An offset of nothing.", _set("issued", "2026-02-20T01:00:00.000+00:00")),
    "issued_no_fraction": Form("No fraction.", _set("issued", "2026-02-20T01:00:00Z")),
    "issued_two_digits": Form("Two digits of a second.", _set("issued", "2026-02-20T01:00:00.00Z")),
    "issued_six_digits": Form(
        "Six digits of a second.", _set("issued", "2026-02-20T01:00:00.000000Z")
    ),
    "issued_comma": Form("A comma.", _set("issued", "2026-02-20T01:00:00,000Z")),
    "issued_small_letters": Form("Small letters.", _set("issued", "2026-02-20t01:00:00.000z")),
    "issued_space": Form("A space.", _set("issued", "2026-02-20 01:00:00.000Z")),
    "issued_24": Form("An hour 24.", _set("issued", "2026-02-20T24:00:00.000Z")),
    "issued_day": Form("A day that is not.", _set("issued", "2026-02-30T01:00:00.000Z")),
    "issued_digits": Form("Other digits.", _set("issued", "2026-02-2\u0660T01:00:00.000Z")),
    "issued_number": Form("A number.", _set("issued", ISSUED)),
    "since_eight_days": Form(
        "A revocation that looks back a millisecond more than seven days.",
        _revoked(format_instant(ISSUED - 7 * DAY - 1)),
    ),
    "stated_ahead": Form(
        "A revocation that is stated after the manifest is issued.",
        _revoked(format_instant(ISSUED), stated=ISSUED + 1),
    ),
    "since_1969": Form("A time before 1970.", _revoked("1969-12-31T23:59:59.999Z")),
    "since_five_digits": Form("A year of five digits.", _revoked("10000-01-01T00:00:00.000Z")),
    "revocations_257": Form("257 revocations.", _revoked(END_OF_TIME, 257)),
    "text_257": Form("A text of 257 characters.", _set("contacts", {"a": "x" * 257})),
    "text_empty": Form("A text of nothing.", _set("contacts", {"a": ""})),
    "text_control": Form("A text with U+001F.", _set("contacts", {"a": "a\x1fb"})),
    "contact_of_64": Form("A contact's name of 64 letters.", _set("contacts", {"a" * 64: "x"})),
    "contact_capital": Form("A contact's name in capitals.", _set("contacts", {"Press": "x"})),
    "lines_129": Form("129 signature lines.", note=_strangers(127), spec=SPEC_NOTES),
    "line_twice": Form(
        "Two lines of one name and key id, of a stranger.",
        note=_more(lambda m: _line("w", b"abcd"), lambda m: _line("w", b"abcd", b"x")),
        spec=SPEC_NOTES,
    ),
    "line_own_twice": Form(
        "A good line that is there twice.",
        note=lambda m, n: n + n[: n.rindex(b"\n", 0, -1) + 1].rpartition(b"\n\n")[2],
        spec=SPEC_NOTES,
    ),
    "line_empty": Form(
        "A stranger's line with a key id and no signature.",
        note=_more(lambda m: _line("w", b"abcd", b"")),
        spec=SPEC_NOTES,
    ),
    "line_name_plus": Form(
        "A stranger's name with +.", note=_more(lambda m: _line("a+b", b"abcd")), spec=SPEC_NOTES
    ),
    "line_name_space": Form(
        "A stranger's name with U+00A0, which is a space of Unicode.",
        note=_more(lambda m: _line("a\u00a0b", b"abcd")),
        spec=SPEC_NOTES,
    ),
    "line_name_256": Form(
        "A stranger's name of 256 bytes in 128 letters.",
        note=_more(lambda m: _line("\u00e9" * 128, b"abcd")),
        spec=SPEC_NOTES,
    ),
    "line_bits": Form(
        "A stranger's base64 whose last bits are not zero.",
        note=lambda m, n: n + "— w YWJjZGV=\n".encode(),
        spec=SPEC_NOTES,
    ),
    "line_dash": Form(
        "A stranger's line with an ASCII dash.",
        note=lambda m, n: n + b"- w YWJjZGU=\n",
        spec=SPEC_NOTES,
    ),
    "line_cr": Form(
        "Lines that end in CR LF.",
        note=lambda m, n: n + "— w YWJjZGU=\r\n".encode(),
        spec=SPEC_NOTES,
    ),
    "line_unfinished": Form(
        "A last line without its end.", note=lambda m, n: n[:-1], spec=SPEC_NOTES
    ),
    "line_blank": Form("A blank line at the end.", note=lambda m, n: n + b"\n", spec=SPEC_NOTES),
    "type_of_ed25519": Form(
        "The Ed25519 line has the key id of type 0x04.",
        note=_other_id(b"\x01", b"\x04", 0),
        spec=SPEC_NOTES,
    ),
    "type_of_ml_dsa": Form(
        "The ML-DSA-65 line has the key id of type 0xff without its name.",
        note=_other_id(b"\xffML-DSA-65", b"\xff", 1),
        spec=SPEC_NOTES,
    ),
    "type_of_ml_dsa_44": Form(
        "The ML-DSA-65 line has the key id of type 0xff ML-DSA-44.",
        note=_other_id(b"\xffML-DSA-65", b"\xffML-DSA-44", 1),
        spec=SPEC_NOTES,
    ),
    "too_large": Form("A note of a byte more.", note=_sized(MANIFEST_LIMIT_BYTES + 1)),
}


def _key(member: Member, what: str) -> Key:
    return member.key(STREAM, f"of {what}", begins=FOUNDED + HOUR)


def _signed(member: Member, version: int, what: str, form: Form) -> bytes:
    manifest = member.manifest(version, ISSUED, [_key(member, what)])
    content = parse_json(manifest_text(manifest).split(b"\n")[2])
    assert isinstance(content, dict)
    form.content(member, content)
    head = f"concordant.manifest/v1\n{DEPLOYMENT}\n".encode()
    own = form.note(member, member.note(head + format_json(content) + b"\n"))
    return member.delegation().note + own


def forms(ground: Ground) -> Setting:
    """The setting."""
    setting = founded("manifest-forms", ground)
    police = setting.members[POLICE]
    setting.latest = ISSUED
    for version, (what, form) in enumerate({**TAKEN, **REFUSED}.items(), 10):
        setting.manifests[what] = _signed(police, version, what, form)
    plain = Form("")
    for version, stem in ((200, "pair-1"), (200, "pair-2"), (201, "forged-2")):
        setting.manifests[stem] = _signed(police, version, stem, plain)
    forged = _signed(police, 201, "forged-1", plain)
    setting.manifests["forged-1"] = forged.replace(b"operations@csu", b"operation5@csu")
    setting.manifests["last"] = _signed(police, LARGEST, "last", plain)
    return setting


def cases(setting: Setting) -> Iterator[Case]:
    """One for each."""
    police = setting.members[POLICE]

    def case(name: str, what: str, about: str, spec: str) -> Case:
        s = Scene(setting, name)
        event = s.small()
        one = s.log(key=_key(police, what)).one(event.value())
        s.then(one, event.answer("council-camden") if "opened" in name else None)
        return s.case(about, spec=spec)

    for what, form in TAKEN.items():
        about = f"A manifest at the edge. {form.about}"
        yield case(f"10-opened-manifest_{what}", what, about, form.spec)
    for what, form in REFUSED.items():
        about = f"A key that only a refused manifest lists. {form.about}"
        yield case(f"2-key_unknown-manifest_form_{what}", what, about, form.spec)
    yield case(
        "10-opened-manifest_first_of_a_version",
        "pair-1",
        "Of two texts of one version the one that was met first is believed.",
        SPEC,
    )
    yield case(
        "2-key_unknown-manifest_second_of_a_version",
        "pair-2",
        "Of two texts of one version the one that was met second is refused, though it is signed.",
        SPEC,
    )
    yield case(
        "2-key_unknown-manifest_forged_before",
        "forged-1",
        "A manifest that was altered, met before the agency's own of that version.",
        SPEC,
    )
    yield case(
        "10-opened-manifest_after_a_forged_one",
        "forged-2",
        "The agency's own manifest of a version of which a forged one was met before: what is "
        "refused takes no version.",
        SPEC,
    )
    yield case("10-opened-manifest_last_version", "last", "The version 2^53 - 1.", SPEC)
