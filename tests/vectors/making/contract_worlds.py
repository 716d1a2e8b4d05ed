"""The settings of step 6: contracts that are refused, that lack a signature, that others agreed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from broker.envelope.primitives import b64, sha256
from broker.keys.governance import GovernanceSigner
from broker.registry.contracts import SignedContract
from tests.vectors.making.agencies import (
    COUNCIL,
    POLICE,
    PROSECUTION,
    SUPPORT,
    Member,
)
from tests.vectors.making.event_drafts import MADE
from tests.vectors.making.ground import Ground
from tests.vectors.making.manifest_worlds import Universal
from tests.vectors.making.setting import Setting, founded
from tests.vectors.making.terms import (
    Tree,
    bent_note,
    event_type,
    field,
    notes_of,
    pinned,
    signed,
    small_agreement,
    terms,
    text_of,
)

EVERYONE = ("police", "council", "support", "prosecution")


def plain_type(publishers: tuple[str, ...], recipients: tuple[str, ...]) -> Tree:
    """`referral.made` with what it must have."""
    leaves = ("case_id", "referral_id", "requested_service", "urgency")
    return event_type(publishers, recipients, {path: field(recipients) for path in leaves})


@dataclass(frozen=True)
class Hand:
    """Whoever signs a statement with a pair that is not a member's own."""

    governance: GovernanceSigner


@dataclass(frozen=True)
class Odd:
    """A contract that its reader does not take."""

    about: str
    raw: bytes
    notes: dict[str, bytes]


def two_party(name: str, police: Member, council: Member, **more: object) -> Tree:
    """A contract between the police and the council."""
    types = {MADE: plain_type(("police", "council"), ("police", "council"))}
    return terms(name, [police, council], types, **more)


def _set(line: int, value: str) -> Callable[[list[str]], None]:
    def change(lines: list[str]) -> None:
        lines[line] = value

    return change


_HASH = b64(sha256(b"another document"))


def _part(number: int) -> Callable[[list[str]], None]:
    def change(lines: list[str]) -> None:
        hashes = lines[4].split(" ")
        hashes[number] = _HASH
        lines[4] = " ".join(hashes)

    return change


_LINES: tuple[tuple[str, str, Callable[[list[str]], object]], ...] = (
    ("other_header", "has another first line", _set(0, "concordant.contract/v2")),
    ("other_deployment", "names another deployment", _set(1, "pan-leeds")),
    ("other_name", "names another contract", _set(2, "another")),
    ("other_version", "names another version than the file", _set(3, "1.0.1")),
    ("other_hash", "has the hash of another file", _part(0)),
    ("other_vocabulary", "names another vocabulary", _part(1)),
    ("other_framework", "names another framework agreement", _part(2)),
    ("other_previous", "names a version before that the file does not name", _set(5, _HASH)),
    (
        "five_lines",
        "lacks the lines of the versions before and of the act",
        lambda lines: lines.__delitem__(slice(5, 7)),
    ),
    ("eight_lines", "has one line more", lambda lines: lines.append("more")),
    (
        "act_spaced",
        "has a last line with spaces",
        lambda lines: _set(6, lines[6].replace(",", ", "))(lines),
    ),
)
_ACTS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("act_other_agency", "names another agency", {"agency": COUNCIL}),
    ("act_without_name", "names no person and no role", {"name": None}),
    ("act_empty_capacity", "has an empty capacity", {"capacity": ""}),
    (
        "act_bidirectional",
        "has a name with a bidirectional character",
        {"name": "Ada \u202eOkafor"},
    ),
    ("act_zero_width", "has a name with a zero-width character", {"name": "Ada\u200b Okafor"}),
    ("act_control", "has a capacity with a control character", {"capacity": "Chief\u0085Officer"}),
    ("act_space", "has a name with a space at its end", {"name": "Ada Okafor "}),
    ("act_long", "has a name of 201 characters", {"name": "A" * 201}),
    ("act_shown_short", "has a hash of 31 bytes", {"shown": b64(bytes(31))}),
    ("act_time_seconds", "has a time without milliseconds", {"time": "2026-01-01T00:00:00Z"}),
    (
        "act_late",
        "is dated more than 30 days after the first day",
        {"time": "2026-03-31T00:00:00.001Z"},
    ),
    ("act_more", "has one member more", {"place": "London"}),
)


def odd_contracts(setting: Setting) -> dict[str, Odd]:
    """Odd contracts by the end of their cases' names. A case names the hash of the file."""
    police, council = setting.members[POLICE], setting.members[COUNCIL]
    both = (police, council)
    found: dict[str, Odd] = {}

    def add(what: str, about: str, tree: Tree, raw: bytes | None = None) -> None:
        raw = raw or text_of(tree)
        found[what] = Odd(about, raw, notes_of(tree, raw, both))

    def tree(what: str, **more: object) -> Tree:
        return two_party(f"odd-{what.replace('_', '-')}", police, council, **more)

    altered = tree("altered")
    raw = text_of(altered)
    found["altered"] = Odd(
        "A contract file with one byte changed since it was signed.",
        raw.replace(b"Made to be read", b"Made to be reed"),
        notes_of(altered, raw, both),
    )
    for what, about, notes in (
        ("unsigned", "A contract that nobody signed.", lambda t, r: {}),
        ("not_by_sender", "The sender has not signed.", lambda t, r: notes_of(t, r, [council])),
        ("not_by_reader", "The reader has not signed.", lambda t, r: notes_of(t, r, [police])),
        (
            "only_ed25519",
            "Each party signed with one of its two keys.",
            lambda t, r: notes_of(t, r, both, keys=[0]),
        ),
        (
            "keys_turned",
            "The sender's two signature lines are in the other order.",
            lambda t, r: notes_of(t, r, both) | notes_of(t, r, [police], keys=[1, 0]),
        ),
        (
            "broken_signature",
            "The sender's ML-DSA-65 signature does not verify.",
            lambda t, r: (made := notes_of(t, r, both)) | {POLICE: bent_note(made[POLICE], 1)},
        ),
        *(
            (
                what,
                f"The sender's note {about}.",
                lambda t, r, change=change: (
                    notes_of(t, r, both) | notes_of(t, r, [police], change=change)
                ),
            )
            for what, about, change in _LINES
        ),
        *(
            (
                what,
                f"The sender's note {about}.",
                lambda t, r, act=act: (
                    notes_of(t, r, both) | {POLICE: notes_of(t, r, [police], **act).popitem()[1]}
                ),
            )
            for what, about, act in _ACTS
        ),
    ):
        content = tree(what)
        file = text_of(content)
        found[what] = Odd(about, file, notes(content, file))
    add(
        "deployment",
        "A contract of another deployment.",
        tree("deployment", deployment="pan-leeds"),
    )
    add(
        "unknown_member",
        "A file with a member that is not named in the specification.",
        tree("unknown_member", remarks="None."),
    )
    add(
        "text_for_number",
        "A number in quotes, which is text.",
        tree("text_for_number", retention={"grace_days": "30", "deletion": "At the end."}),
    )
    add(
        "ends_before_start",
        "A contract that ends before it starts.",
        tree("ends_before_start", ends="2026-02-28"),
    )
    for what, about, change in (
        (
            "undefined_role",
            "A leaf is granted to a role that is not defined.",
            {"readers": ["court"]},
        ),
        (
            "required_and_consent",
            "A leaf that is required and needs consent.",
            {"required": True, "consent": ["share_identity"]},
        ),
    ):
        content = tree(what)
        content["event_types"][MADE]["fields"]["urgency"] |= change
        add(what, about, content)
    for what, about, change in (
        ("consent_identifies", "A consent leaf that identifies.", {"identifies": True}),
        (
            "consent_needs_consent",
            "A consent leaf that needs consent.",
            {"consent": ["statistics"]},
        ),
        (
            "consent_hidden",
            "A consent leaf that one role of the type's recipients may not read.",
            {"readers": ["council"]},
        ),
    ):
        content = tree(what)
        fields = content["event_types"][MADE]["fields"]
        fields["consent.share_identity"] = {**fields["urgency"], **change}
        add(what, about, content)
    for what, about, change in (
        (
            "record_type_hidden",
            "A record type that one recipient may not read, in a type that names no one then.",
            {"readers": ["council"]},
        ),
        (
            "record_type_identifies",
            "A record type that identifies, in a type that names no one then.",
            {"identifies": True},
        ),
        (
            "record_type_senders",
            "A record type that not every publisher may send, likewise.",
            {"senders": ["police"]},
        ),
    ):
        content = tree(what)
        content["event_types"][MADE]["incident_identifiers"] = "never"
        fields = content["event_types"][MADE]["fields"]
        fields["incident.record_type"] = {**fields["urgency"], **change}
        add(what, about, content)
    pins = tree("pins_other_keys")
    other = replace(council, which="other")
    public = other.governance.public.ed25519
    pins["governance_keys"][COUNCIL]["ed25519"] = b64(public)
    raw = text_of(pins)
    found["pins_other_keys"] = Odd(
        "A contract that pins another governance key for the reader, and is signed with it.",
        raw,
        notes_of(pins, raw, [police, other]),
    )
    shared = tree("shared_key")
    shared["governance_keys"][POLICE]["ed25519"] = shared["governance_keys"][COUNCIL]["ed25519"]
    raw = text_of(shared)
    police_as = replace(police.governance, ed25519=council.governance.ed25519)
    found["shared_key"] = Odd(
        "A governance key that two parties share, and both signed with it.",
        raw,
        notes_of(shared, raw, [Hand(police_as), council]),
    )
    small = tree("small_order")
    small["governance_keys"][POLICE]["ed25519"] = b64(b"\x01" + bytes(31))
    raw = text_of(small)
    nobody = replace(police.governance, ed25519=Universal())  # type: ignore[arg-type]  # it signs
    found["small_order"] = Odd(
        "A governance key of small order, whose signature verifies for every text.",
        raw,
        notes_of(small, raw, [Hand(nobody), council]),
    )
    found |= _officers(police, council, tree)
    _add_yaml(add, tree)
    return found


def officer_hands(police: Member) -> dict[str, Hand]:
    """The pairs of three officers of the police: their own, and those of two deputies."""
    others = {one: replace(police, which=one, second=one) for one in ("deputy", "siro")}
    return {one: Hand(each.governance) for one, each in ({"chief": police} | others).items()}


def with_officers(tree: Tree, hands: dict[str, Hand], **more: object) -> Tree:
    """The contract with these as officers of the police."""
    pairs = {name: pinned(hand.governance) for name, hand in hands.items()}
    tree["governance_keys"][POLICE] = {"threshold": 2, "officers": pairs, **more}
    return tree


def officer_notes(
    tree: Tree, raw: bytes, hands: dict[str, Hand], signing: dict[str, str]
) -> dict[str, bytes]:
    """The notes of some officers, each under the name of another one or its own."""
    return {
        f"{POLICE}.{officer}": notes_of(tree, raw, [hands[by]], officer=officer)[POLICE]
        for officer, by in signing.items()
    }


def _officers(police: Member, council: Member, tree: Callable[..., Tree]) -> dict[str, Odd]:
    """Contracts that pin officers of the police, and that the police has not signed."""
    hands = officer_hands(police)
    found: dict[str, Odd] = {}
    for what, about, signing, names, more in (
        (
            "officers_one",
            "One officer of the sender signed; two must.",
            {"chief": "chief"},
            (*hands,),
            {},
        ),
        (
            "officers_one_for_two",
            "One officer of the sender signed twice, once under the name of another.",
            {"chief": "chief", "deputy": "chief"},
            (*hands,),
            {},
        ),
        (
            "officers_threshold_one",
            "A threshold of one.",
            {"chief": "chief", "siro": "siro"},
            (*hands,),
            {"threshold": 1},
        ),
        (
            "officers_threshold_three",
            "A threshold of three.",
            {"chief": "chief", "siro": "siro"},
            (*hands,),
            {"threshold": 3},
        ),
        ("officers_few", "One officer only.", {"chief": "chief"}, ("chief",), {}),
        (
            "officers_and_pair",
            "A party with one pair and with officers.",
            {"chief": "chief", "siro": "siro"},
            (*hands,),
            pinned(police.governance),
        ),
    ):
        content = with_officers(tree(what), {one: hands[one] for one in names}, **more)
        raw = text_of(content)
        notes = notes_of(content, raw, [council]) | officer_notes(content, raw, hands, signing)
        found[what] = Odd(about, raw, notes)
    twice = with_officers(tree("officers_same"), hands | {"siro": hands["deputy"]})
    raw = text_of(twice)
    signing = {"chief": "chief", "deputy": "deputy"}
    notes = notes_of(twice, raw, [council]) | officer_notes(twice, raw, hands, signing)
    found["officers_same"] = Odd("Two officers have one pair.", raw, notes)
    whole = with_officers(tree("officers_unnamed"), hands)
    raw = text_of(whole)
    plain = {f"{POLICE}.{name}": notes_of(whole, raw, [hands[name]])[POLICE] for name in hands}
    found["officers_unnamed"] = Odd(
        "The officers of the sender signed notes that name no officer.",
        raw,
        notes_of(whole, raw, [council]) | plain,
    )
    return found


def _add_yaml(add: Callable[..., None], tree: Callable[..., Tree]) -> None:
    for what, about, old, new in (
        ("anchor", "A file with an anchor.", b'"drafted"', b'&a "drafted"'),
        ("tag", "A file with a tag.", b'"None."', b'!!str "None."'),
        (
            "key_twice",
            "A file in which a key is written twice.",
            b' "status": "drafted",',
            b' "status": "drafted",\n "status": "drafted",',
        ),
        (
            "line_separator",
            "A file with a comment that ends in YAML 1.1, at U+2028, and goes on in YAML 1.2.",
            b' "status": "drafted",',
            b' "status": "drafted", # \xe2\x80\xa8',
        ),
        (
            "next_line",
            "A file with a comment that ends in YAML 1.1, at U+0085, and goes on in YAML 1.2.",
            b' "status": "drafted",',
            b' "status": "drafted", # \xc2\x85',
        ),
    ):
        content = tree(what)
        raw = text_of(content)
        assert old in raw
        add(what, about, content, raw.replace(old, new, 1))
    content = tree("byte_order_mark")
    add("byte_order_mark", "A byte order mark.", content, b"\xef\xbb\xbf" + text_of(content))
    content = tree("two_documents")
    add("two_documents", "A second document.", content, text_of(content) + b"---\nmore: true\n")


def contracts(ground: Ground) -> Setting:
    """The agreement of the first setting, and beside it every other kind of contract."""
    setting = founded("contracts", ground)
    for what, odd in odd_contracts(setting).items():
        setting.contracts[what] = (odd.raw, odd.notes)
    for name, contract in more_contracts(setting).items():
        setting.add_contract(name, contract)
    stranger = Member(ground, "lantern-centre")
    foreign = two_party("foreign-line", setting.members[POLICE], setting.members[COUNCIL])
    raw, notes = setting.contracts["foreign-line"]
    setting.contracts["foreign-line"] = (raw, notes | notes_of(foreign, raw, [stranger]))
    return setting


def more_contracts(setting: Setting) -> dict[str, SignedContract]:
    """Contracts that the council takes."""
    members = setting.members
    police, council, support = members[POLICE], members[COUNCIL], members[SUPPORT]
    three = [members[PROSECUTION], council, support]
    types = {MADE: plain_type(("prosecution", "council"), ("council", "support"))}
    short = two_party("short", police, council, ends="2026-03-02")
    untimed = dict(short["event_types"][MADE])
    del untimed["retention"]
    no_retention = two_party("no-retention", police, council, ends="2026-03-02")
    no_retention["event_types"] = {MADE: untimed}
    later = two_party("later", police, council, starts="2026-03-03", previous=[sha256(b"x").hex()])
    foreign = two_party("foreign-line", police, council)
    return {
        "without-police": signed(terms("without-police", three, types), three),
        "short": signed(short, [police, council]),
        "no-retention": signed(no_retention, [police, council]),
        "later": signed(later, [council, police]),
        "foreign-line": signed(foreign, [police, council]),
    }


def incomplete(ground: Ground) -> Setting:
    """An agreement without the support service's signature."""
    base = founded("incomplete", ground)
    members = list(base.members.values())
    tree = small_agreement(members)
    raw = text_of(tree)
    notes = notes_of(tree, raw, [member for member in members if member.id != SUPPORT])
    base.contracts[tree["name"]] = (raw, notes)
    return base
