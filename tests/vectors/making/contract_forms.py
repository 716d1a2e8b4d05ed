"""A setting of contract files at the edges of their form: YAML, kinds of value, dates, limits.

docs/spec/contracts.md, The file. Each file is signed by both parties, so only its form decides, and
what the text does to it is one replacement in a file that is taken as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from broker.envelope.primitives import sha256
from broker.registry.contracts import SignedContract, verify_contract
from contracts.loading import AGREEMENT_BYTES, parse_contract
from contracts.model import topic_name
from contracts.strict_yaml import NODES
from tests.vectors.making.agencies import COUNCIL, DAY, NOW, POLICE, SECOND, Member, instant
from tests.vectors.making.contract_worlds import two_party
from tests.vectors.making.ground import Ground
from tests.vectors.making.scene import Case, Scene
from tests.vectors.making.setting import Setting, founded
from tests.vectors.making.terms import Tree, notes_of, text_of

SPEC = "contracts.md, The file"
STATUS = b' "status": "drafted",\n'
_PUBLIC = b'"public_authority": true'
TITLE = b'"A contract of the test vectors"'
DAYS = b'"grace_days": 30'
ONE_DAY = instant(2026, 3, 2)
"""The only day of a contract that ends on the day on which it starts."""

Change = Callable[[bytes], bytes]


@dataclass(frozen=True)
class File:
    """A contract file, what it says beside the usual, and what is done to its text."""

    about: str
    change: Change = bytes
    more: tuple[tuple[str, Any], ...] = ()


def _said(old: bytes, new: bytes) -> Change:
    def change(raw: bytes) -> bytes:
        assert raw.count(old) == 1, (old, raw.count(old))
        return raw.replace(old, new)

    return change


def _title(new: bytes) -> Change:
    return _said(TITLE, new)


def _days(new: bytes) -> Change:
    return _said(DAYS, b'"grace_days": ' + new)


def _also(member: bytes) -> Change:
    """One more member of the outermost mapping."""
    return _said(STATUS, STATUS + b" " + member + b",\n")


def _types(*names: str) -> Change:
    """The one event type again, under other names."""

    def change(raw: bytes) -> bytes:
        start = raw.index(b'  "referral.made": {')
        end = raw.index(b"\n  }\n }", start) + len(b"\n  }")
        again = [raw[start:end].replace(b"referral.made", name.encode()) for name in names]
        return raw[:start] + b",\n".join([raw[start:end], *again]) + raw[end:]

    return change


def _principals(*names: bytes) -> Change:
    """Kafka principals of the parties, in their order, as far as given."""

    def change(raw: bytes) -> bytes:
        before, *parties = raw.split(_PUBLIC)
        for at, name in enumerate(names):
            parties[at] = b', "kafka_principal": "' + name + b'"' + parties[at]
        return _PUBLIC.join([before, *parties])

    return change


def _padded(size: int) -> Change:
    """A comment that brings the file to a size."""
    return lambda raw: raw + b"#" + b"x" * (size - len(raw) - 2) + b"\n"


def _many(count: int) -> Tree:
    """Legal bases with so many gateways in all, at most 512 in each."""
    basis = {"purpose": "share", "regime": "uk-gdpr", "relied_on_by": ["police"], "basis": "law"}
    full, rest = divmod(count, 512)
    return [{**basis, "gateways": ["x"] * n} for n in [512] * full + [rest]]  # type: ignore[return-value]  # a list is a tree too


NFC, NFD = "r\u00e9f\u00e9ral.made", "re\u0301fe\u0301ral.made"

TAKEN: dict[str, File] = {
    "one_day": File("", more=(("starts", "2026-03-02"), ("ends", "2026-03-02"))),
    "calendar_end": File(
        "A contract to the last day that can be written.", more=(("ends", "9999-12-31"),)
    ),
    "plain_text": File(
        "Plain scalars that YAML 1.1 reads as something else are text: no, 12:30, 1.0, 010, 1e2.",
        lambda raw: _also(b"acknowledgements: {a: no, b: 12:30, c: 1.0, d: 010, e: 1e2, f: +1}")(
            _title(b"2026-01-01")(raw)
        ),
    ),
    "hexadecimal": File("0x1F, 0o7, 1_000 and .inf are text.", _title(b"0x1F 0o7 1_000 .inf")),
    "integer_of_19_digits": File("19 digits are no integer but text.", _title(b"1" * 19)),
    "block_scalar": File(
        "A file in other clothes: ---, a comment, a quoted text over two lines, CR LF, ...",
        lambda raw: (
            b"--- # a contract\n"
            + _title(b"'A contract\n  of the test vectors'")(raw)
            + b"...\n# the end\n"
        ).replace(b"\n", b"\r\n"),
    ),
    "null_is_absent": File(
        "null, ~ and nothing where a member may be absent.",
        _also(b"coordinator: null,\n statistics: ~,\n review_on: null"),
    ),
    "white_space": File(
        "U+200B and U+001C are not White_Space, so a text of either is not empty.",
        lambda raw: _also(b'acknowledgements: {a: "\\u200b", b: "\\x1c"}')(
            _title(b'"\\u3000A title\\u00a0"')(raw)
        ),
    ),
    "names_of_two_normal_forms": File(
        "Two event types whose names differ in Unicode's normal form only are two types.",
        _types(NFC, NFD),
    ),
    "letters_beyond_the_plane": File(
        "Text in decomposed letters and beyond the basic plane.",
        _title("Re\u0301fe\u0301rence \U0001f3f3\ufe0f\u200d\U0001f308 \ufb01".encode()),
    ),
    "roles_repeated": File(
        "A role that is repeated in a list changes nothing.",
        _said(
            b'"publishers": [\n    "police",\n    "council"\n   ]',
            b'"publishers": [police, council, police]',
        ),
    ),
    "principal": File(
        "A Kafka principal that is a whole subject, and one of 256 characters.",
        _principals(b"CN=csu-camden,OU=Adapters, O=Met", b"x" * 256),
    ),
    "principal_of_everybody": File(
        "A Kafka principal that gets no rights is no fault of the file.",
        _principals(b"*", b"ANONYMOUS"),
    ),
    "largest": File("A file of exactly 4 MiB.", _padded(AGREEMENT_BYTES)),
    "list_of_512": File("A list of 512 members.", more=(("security", ["x"] * 512),)),
    "mapping_of_512": File(
        "A mapping of 512 members.",
        more=(("acknowledgements", {f"a{n}": "x" for n in range(512)}),),
    ),
}


def _value_count(value: object) -> int:
    """Scalars, mappings and lists, keys not counted."""
    if isinstance(value, dict):
        return 1 + sum(map(_value_count, value.values()))
    return 1 + (sum(map(_value_count, value)) if isinstance(value, list) else 0)


REFUSED: dict[str, File] = {
    "alias": File(
        "An alias.",
        _also(b"acknowledgements: {a: &a x, b: *a}"),
    ),
    "anchor_on_key": File("An anchor on a key.", _also(b"acknowledgements: {&a a: x}")),
    "tag_unspecific": File("The tag !, which names none.", _title(b'! "A title"')),
    "tag_on_mapping": File("A tag on a mapping.", _also(b"acknowledgements: !!map {a: x}")),
    "tag_on_key": File("A tag on a key.", _also(b"acknowledgements: {!!str a: x}")),
    "key_twice_written_otherwise": File(
        "A key that is written twice, once quoted and once plain.", _also(b"status: drafted")
    ),
    "key_twice_below": File(
        "A key that is written twice in an inner mapping.",
        _also(b"acknowledgements: {a: x, b: x, a: x}"),
    ),
    "key_list": File("A key that is a list.", _also(b"acknowledgements: {? [a] : x}")),
    "not_utf8": File("A title in Latin-1.", _title(b'"A title \xe9"')),
    "utf8_overlong": File("A slash in two bytes.", _title(b'"A title \xc0\xaf"')),
    "utf8_surrogate": File("A surrogate in three bytes.", _title(b'"A title \xed\xa0\x80"')),
    "surrogate_escaped": File("The escape of a surrogate.", _title(b'"A title \\ud800"')),
    "surrogates_escaped": File(
        "The escapes of two surrogates, which JSON would read as one letter.",
        _title(b'"A title \\ud83d\\ude00"'),
    ),
    "utf16": File("A file in UTF-16.", lambda raw: raw.decode().encode("utf-16")),
    "control": File("A control character.", _title(b'"A title \x07"')),
    "empty": File("An empty file.", lambda raw: b""),
    "list": File("A list of one contract.", lambda raw: b"[" + raw + b"]\n"),
    "integer_leading_zero": File("030 is text and no integer.", _days(b"030")),
    "integer_exponent": File("3e1 is text and no integer.", _days(b"3e1")),
    "integer_plus": File("+30 is text and no integer.", _days(b"+30")),
    "integer_fraction": File("30.0 is text and no integer.", _days(b"30.0")),
    "integer_hexadecimal": File("0x1E is text and no integer.", _days(b"0x1E")),
    "integer_zero": File("0 is below the range.", _days(b"-0")),
    "integer_large": File("A grace of 367 days is beyond the range.", _days(b"367")),
    "integer_for_text": File("18 digits are an integer and no text.", _title(b"1" * 18)),
    "minus_zero_for_text": File("-0 is an integer and no text.", _title(b"-0")),
    "flag_for_text": File("true is no text.", _title(b"true")),
    "text_for_flag": File(
        "yes is text and no flag.",
        lambda raw: raw.replace(b'"public_authority": true', b'"public_authority": yes', 1),
    ),
    "principal_typed": File("A Kafka principal with its type.", _principals(b"uSER:csu-camden")),
    "principal_empty": File("A Kafka principal of nothing.", _principals(b"")),
    "principal_space": File("A Kafka principal with a space at its end.", _principals(b"x ")),
    "principal_257": File("A Kafka principal of 257 characters.", _principals(b"x" * 257)),
    "principal_control": File("A Kafka principal with a tab.", _principals(b"a\\tb")),
    "principal_not_ascii": File("A Kafka principal with an accent.", _principals(b"caf\\u00e9")),
    "date_with_time": File("A date with a time.", more=(("starts", "2026-03-01T00:00:00Z"),)),
    "date_year_zero": File("No calendar day has the year 0.", more=(("starts", "0000-12-31"),)),
    "date_leap_day": File("A leap day of a year without one.", more=(("starts", "2026-02-29"),)),
    "date_five_digits": File("A year of five digits.", more=(("ends", "10000-01-01"),)),
    "text_empty": File("A title of nothing.", _title(b'""')),
    "text_white_space": File("A title of White_Space.", _title(b'"\\u00a0\\u3000\\t"')),
    "null_required": File("null for a member that must be there.", _title(b"null")),
    "null_list": File("null for a list.", _also(b"review_by: null")),
    "null_default": File("null for a member with a default.", _also(b"consent_by_role: null")),
    "name_of_64": File("A name of 64 letters.", more=(("name", "a" * 64),)),
    "name_not_ascii": File("A name with an accent.", more=(("name", "l\u00f3ndon"),)),
    "version_digits": File("A version in other digits.", more=(("version", "1.0.\u0663"),)),
    "calendar_start": File(
        "A contract from the first day that can be written: every signature is too late.",
        more=(("starts", "0001-01-01"),),
    ),
    "previous_capital": File("A hash in capitals.", more=(("previous", ["AB" * 32]),)),
    "previous_text": File("One hash, not in a list.", more=(("previous", "ab" * 32),)),
    "previous_null": File("No list of hashes.", more=(("previous", None),)),
    "previous_order": File(
        "Two hashes in descending order.", more=(("previous", ["bb" * 32, "aa" * 32]),)
    ),
    "previous_twice": File("A hash twice.", more=(("previous", ["aa" * 32, "aa" * 32]),)),
    "changeover_long": File("A changeover above 30 days.", more=(("changeover", "P30DT1M"),)),
    "changeover_nothing": File("A changeover of nothing.", more=(("changeover", "P0D"),)),
    "changeover_number": File("A changeover as a number.", more=(("changeover", 7),)),
    "too_large": File("A file of a byte more than 4 MiB.", _padded(AGREEMENT_BYTES + 1)),
    "list_of_513": File("A list of 513 members.", more=(("security", ["x"] * 513),)),
    "mapping_of_513": File(
        "A mapping of 513 members.",
        more=(("acknowledgements", {f"a{n}": "x" for n in range(513)}),),
    ),
    "nested_deep": File(
        "Lists in each other, a hundred thousand deep: refused, and nothing else happens.",
        _also(b"acknowledgements: " + b"[" * 100_000 + b"]" * 100_000),
    ),
}


def _raw(what: str, file: File, police: Member, council: Member) -> tuple[Tree, bytes]:
    tree = two_party(f"form-{what.replace('_', '-')}", police, council) | dict(file.more)
    return tree, file.change(text_of(tree))


def _with_values(count: int, police: Member, council: Member) -> tuple[Tree, bytes]:
    """A contract of exactly so many values."""
    name = f"form-values-{count}"

    def made(gateways: int, more: int = 0) -> Tree:
        tree = two_party(name, police, council, legal_bases=_many(gateways))
        return tree | {"security": [*tree["security"], *["x"] * more]}

    # every full list of gateways brings a basis with it, so the number is searched for
    gateways = count - _value_count(made(0))
    while (over := _value_count(made(gateways)) - count) > 0:
        gateways -= over
    tree = made(gateways, -over)
    assert _value_count(tree) == count
    return tree, text_of(tree)


VALUES = NODES


def forms(ground: Ground) -> Setting:
    """The setting."""
    setting = founded("contract-forms", ground)
    pair = setting.members[POLICE], setting.members[COUNCIL]
    files = {what: _raw(what, file, *pair) for what, file in {**TAKEN, **REFUSED}.items()}
    files["values"] = _with_values(VALUES, *pair)
    files["values_more"] = _with_values(VALUES + 1, *pair)
    for what, (tree, raw) in files.items():
        setting.contracts[what] = (raw, notes_of(tree, raw, pair))
    return setting


def _taken(setting: Setting, what: str) -> SignedContract:
    raw, notes = setting.contracts[what]
    return verify_contract(parse_contract(raw, "contract.yaml"), notes.values())


def _event(setting: Setting, name: str, what: str, about: str, at: int = NOW) -> Case:
    s = Scene(setting, name)
    signed = _taken(setting, what)
    event = replace(s.small(signed=signed), time=at)
    log = s.log(topic=topic_name(signed.contract, "a"), now=at)
    s.then(log.one(event.value()), event.answer(COUNCIL) if "opened" in name else None)
    return s.case(about, now=max(at, NOW), spec=SPEC)


def cases(setting: Setting) -> Iterator[Case]:
    """One for each file, and the four ends of the contract of one day."""
    for what, file in TAKEN.items():
        if file.about:
            yield _event(setting, f"10-opened-contract_{what}", what, file.about)
    yield _event(setting, "10-opened-contract_values", "values", f"A file of {VALUES} values.")
    refused = {what: file.about for what, file in REFUSED.items()}
    for what, about in {**refused, "values_more": f"A file of {VALUES + 1} values."}.items():
        s = Scene(setting, f"6-contract_unknown-form_{what}")
        draft = s.event(to=(COUNCIL,))
        draft.contract = sha256(setting.contracts[what][0])
        yield s.refused(about, s.log().one(draft.value()), spec=SPEC)
    for name, at in (
        ("6-contract_not_in_force-one_day_before", ONE_DAY - SECOND),
        ("10-opened-contract_one_day_first_second", ONE_DAY),
        ("10-opened-contract_one_day_last_second", ONE_DAY + DAY - SECOND),
        ("6-contract_not_in_force-one_day_after", ONE_DAY + DAY),
    ):
        about = "A contract that ends on the day on which it starts is in force on that day."
        yield _event(setting, name, "one_day", about, at)
