"""A setting of manifests that a reader refuses, each in its own way, and what their keys sign.

docs/spec/keys.md, Manifests. The police's first manifest is good. Each of the others lists a stream
key of its own and has one fault, so what that key signs is `key_unknown`; the last is good again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from broker.envelope.canonical import format_json, parse_json
from broker.envelope.primitives import Ed25519Signer, b64, lp
from broker.keys.delegation import DelegatedKey, WithdrawnKeys
from broker.keys.enrolment import possession_message
from broker.keys.instant import format_instant
from broker.keys.kid import EXCHANGE, MANIFEST, RECEIPT, STREAM, kid
from broker.keys.manifest import Manifest, ManifestKey, manifest_text
from broker.tlog.note import (
    Note,
    NoteSigner,
    SignatureLine,
    format_note,
    key_id,
    parse_note,
    sign_note,
)
from tests.vectors.making.agencies import (
    DAY,
    DELEGATED,
    DEPLOYMENT,
    FOUNDED,
    HOUR,
    NOW,
    POLICE,
    SECOND,
    Delegated,
    Key,
    Member,
)
from tests.vectors.making.ground import Ground
from tests.vectors.making.scene import Case, Scene
from tests.vectors.making.setting import Setting, founded

ISSUED = FOUNDED + HOUR
IDENTITY = b"\x01" + bytes(31)
"""The neutral element of Ed25519 as a public key: one signature is good for every message."""
BASE_POINT = b"\x58" + b"\x66" * 31

Change = Callable[[Member, Key, dict[str, Any]], object]


def _list(content: dict[str, Any], key: ManifestKey) -> None:
    content["keys"].append(key.model_dump(mode="json", exclude_none=True))


def _dated(member: Member, _key: Key, content: dict[str, Any], name: str, at: int) -> None:
    moved = member.manifest().model_copy(update={name: at}).model_dump(mode="json")
    content[name] = moved[name]


def _life(member: Member, key: Key, content: dict[str, Any], ends: int) -> None:
    moved = key.listed.model_copy(update={"not_after": ends}).model_dump(mode="json")
    content["keys"][0] = moved


def _possessed(member: Member, key: Key, content: dict[str, Any], deployment: str) -> None:
    own = lp(b"concordant/1/possession", deployment.encode(), member.id.encode(), key.listed.kid)
    content["keys"][0]["possession"] = b64(Ed25519Signer(key.seed).sign(own))


def _small_x25519(member: Member, _key: Key, content: dict[str, Any]) -> None:
    listed = member.key(EXCHANGE).listed
    public = listed.public[:-32] + b"\x01" + bytes(31)
    own = kid(EXCHANGE, "mlkem768-x25519", public)
    _list(content, listed.model_copy(update={"public": public, "kid": own}))


def _unreduced(member: Member, _key: Key, content: dict[str, Any]) -> None:
    listed = member.key(EXCHANGE).listed
    q = 3329  # as the first coefficient, of 12 bits
    head = bytes([q & 0xFF, listed.public[1] & 0xF0 | q >> 8])
    public = head + listed.public[2:]
    own = kid(EXCHANGE, "mlkem768-x25519", public)
    _list(content, listed.model_copy(update={"public": public, "kid": own}))


def _as_receipt_key(member: Member, key: Key, content: dict[str, Any]) -> None:
    own = kid(RECEIPT, "ed25519", key.listed.public)
    message = lp(b"concordant/1/possession", DEPLOYMENT.encode(), member.id.encode(), own)
    possession = Ed25519Signer(key.seed).sign(message)
    _list(
        content,
        key.listed.model_copy(update={"role": RECEIPT, "kid": own, "possession": possession}),
    )


def _governance_key(member: Member, _key: Key, content: dict[str, Any]) -> None:
    seed = member.seed("governance", "ed25519")
    signer = Ed25519Signer(seed)
    own = kid(RECEIPT, "ed25519", signer.public)
    message = lp(b"concordant/1/possession", DEPLOYMENT.encode(), member.id.encode(), own)
    listed = member.key(RECEIPT).listed
    changed = {"public": signer.public, "kid": own, "possession": signer.sign(message)}
    _list(content, listed.model_copy(update=changed))


_CONTENTS: dict[str, tuple[str, Change]] = {
    "life_of_nothing": (
        "It expires when it is issued.",
        lambda m, k, c: _dated(m, k, c, "expires", ISSUED),
    ),
    "life_long": (
        "It expires a millisecond more than 30 days after it is issued.",
        lambda m, k, c: _dated(m, k, c, "expires", ISSUED + 30 * DAY + 1),
    ),
    "issued_before": (
        "It is issued before the version before it.",
        lambda m, k, c: (
            _dated(m, k, c, "issued", FOUNDED - 1),
            _dated(m, k, c, "expires", FOUNDED + 29 * DAY),
        ),
    ),
    "deployment": (
        "The JSON names another deployment.",
        lambda m, k, c: c.__setitem__("deployment", "pan-leeds"),
    ),
    "agency": (
        "The JSON names another agency, whose keys have not signed it.",
        lambda m, k, c: c.__setitem__("agency", "cps-london"),
    ),
    "member_more": ("A member more.", lambda m, k, c: c.__setitem__("remarks", "none")),
    "member_less": ("A member less.", lambda m, k, c: c.__delitem__("standing")),
    "version_text": ("A version that is text.", lambda m, k, c: c.__setitem__("version", "9")),
    "kid": (
        "A key id that is not its key's.",
        lambda m, k, c: c["keys"][0].__setitem__("kid", b64(bytes(32))),
    ),
    "key_life": (
        "A stream key that is valid for more than 90 days.",
        lambda m, k, c: _life(m, k, c, k.listed.not_before + 90 * DAY + 1),
    ),
    "key_life_of_nothing": (
        "A stream key that ends when it begins, beside another.",
        lambda m, k, c: _list(
            c,
            m.key(STREAM, "of nothing", begins=FOUNDED - DAY, ends=FOUNDED - DAY).listed,
        ),
    ),
    "possession": (
        "A proof of possession of another key.",
        lambda m, k, c: c["keys"][0].__setitem__(
            "possession", b64(m.key(STREAM).listed.possession or b"")
        ),
    ),
    "possession_deployment": (
        "A proof of possession that names another deployment.",
        lambda m, k, c: _possessed(m, k, c, "pan-leeds"),
    ),
    "possession_missing": (
        "A stream key without a proof of possession.",
        lambda m, k, c: c["keys"][0].__delitem__("possession"),
    ),
    "overlap": (
        "Two stream keys that are valid at once, for an hour.",
        lambda m, k, c: _list(c, m.key(STREAM, "beside", begins=k.listed.not_after - HOUR).listed),
    ),
    "two_roles": ("The stream key is a receipt key too.", _as_receipt_key),
    "governance_key": ("A governance key is a receipt key too.", _governance_key),
    "small_order_x25519": ("An exchange key whose X25519 half has small order.", _small_x25519),
    "revocation_posing": (
        "A revocation that looks back long, as if an earlier version had stated it.",
        lambda m, k, c: c["revocations"].append(
            {
                "kid": b64(bytes(32)),
                "since": format_instant(FOUNDED - 5 * DAY),
                "stated": format_instant(FOUNDED - 1),
                "reason": "x",
            }
        ),
    ),
    "prolonged": (
        "A key that ends later than the version before said.",
        lambda m, k, c: _list(c, m.key(RECEIPT, "short", ends=FOUNDED + DAY + 1).listed),
    ),
    "moved": (
        "A key that begins later than the version before said.",
        lambda m, k, c: _list(
            c, m.key(EXCHANGE).listed.model_copy(update={"not_before": FOUNDED + HOUR})
        ),
    ),
    "unreduced_ml_kem": (
        "An exchange key whose ML-KEM-768 half has a coefficient of 3329: FIPS 203, 7.2.",
        _unreduced,
    ),
}


def _text(content: dict[str, Any]) -> bytes:
    return b"concordant.manifest/v1\n" + DEPLOYMENT.encode() + b"\n" + format_json(content) + b"\n"


def _bend(raw: bytes, line: int) -> bytes:
    note = parse_note(raw)
    lines = list(note.signatures)
    bent = lines[line].signature[:-1] + bytes([lines[line].signature[-1] ^ 1])
    lines[line] = SignatureLine(lines[line].name, lines[line].key_id, bent)
    return format_note(Note(note.text, tuple(lines)))


def _drop(raw: bytes, line: int) -> bytes:
    note = parse_note(raw)
    kept = tuple(one for at, one in enumerate(note.signatures) if at != line)
    return format_note(Note(note.text, kept))


_NOTES: dict[str, tuple[str, Callable[[Member, bytes], bytes]]] = {
    "ml_dsa_broken": ("Its ML-DSA-65 signature does not verify.", lambda m, t: _bend(m.note(t), 1)),
    "ed25519_broken": ("Its Ed25519 signature does not verify.", lambda m, t: _bend(m.note(t), 0)),
    "ml_dsa_missing": ("It has no ML-DSA-65 signature.", lambda m, t: _drop(m.note(t), 1)),
    "ed25519_missing": ("It has no Ed25519 signature.", lambda m, t: _drop(m.note(t), 0)),
    "second_line": (
        "Its second line names another deployment.",
        lambda m, t: m.note(t.replace(b"v1\npan-london\n", b"v1\npan-leeds\n")),
    ),
    "first_line": (
        "Its first line names another version of the form.",
        lambda m, t: m.note(t.replace(b"manifest/v1", b"manifest/v2")),
    ),
    "json_space": (
        "Its JSON is not in its one form.",
        lambda m, t: m.note(t.replace(b'{"agency":', b'{"agency": ')),
    ),
    "fourth_line": ("It has a fourth line.", lambda m, t: m.note(t + b"more\n")),
    "altered": (
        "It was altered after it was signed.",
        lambda m, t: m.note(t).replace(b"operations@csu", b"operation5@csu"),
    ),
}


def _other(member: Member, text: bytes, delegated: Delegated) -> bytes:
    """The manifest under another delegation, which it names."""
    content = parse_json(text.split(b"\n")[2])
    assert isinstance(content, dict)
    content["delegation"] = b64(delegated.hash)
    return member.sign(_text(content), delegated)


def _stranger(member: Member) -> Member:
    return Member(member.ground, "cps-london", which=member.which)


def _by_a_stranger(member: Member, text: bytes) -> bytes:
    """A delegation that another agency's governance keys signed in this agency's name."""
    own = member.delegation()
    signers = replace(_stranger(member).governance, agency=member.id).note_signers()
    return format_note(sign_note(own.text, signers)) + own.sign(text)


_FILES: dict[str, tuple[str, Callable[[Member, bytes], bytes]]] = {
    "governance_signed": (
        "The governance keys have signed it in place of the manifest keys.",
        lambda m, t: m.delegation().note + format_note(sign_note(t, m.governance.note_signers())),
    ),
    "no_delegation": ("No delegation comes before it.", lambda m, t: m.note(t)),
    "delegation_after": (
        "Its delegation comes after it.",
        lambda m, t: m.note(t) + m.delegation().note,
    ),
    "delegation_other": (
        "Another delegation of the same keys comes before it than the one that it names.",
        lambda m, t: m.sign(t, m.delegation(issued=DELEGATED + SECOND)),
    ),
    "delegation_of_another": (
        "A delegation of another agency comes before it, which it names.",
        lambda m, t: _other(m, t, _stranger(m).delegation()),
    ),
    "delegation_unsigned": (
        "Another agency's governance keys have signed its delegation.",
        _by_a_stranger,
    ),
    "delegation_ml_dsa_missing": (
        "Its delegation has no ML-DSA-65 signature.",
        lambda m, t: _drop(m.delegation().note, 1) + m.note(t),
    ),
    "delegation_ed25519_broken": (
        "The Ed25519 signature of its delegation does not verify.",
        lambda m, t: _bend(m.delegation().note, 0) + m.note(t),
    ),
    "delegation_line_more": (
        "Its delegation has a third signature line.",
        lambda m, t: m.delegation().note + b"\xe2\x80\x94 w YWJjZGU=\n" + m.note(t),
    ),
    "delegation_long": (
        "Its delegation expires a millisecond more than 400 days after it is issued.",
        lambda m, t: _other(m, t, m.delegation(expires=DELEGATED + 400 * DAY + 1)),
    ),
    "delegation_version": (
        "The version of its delegation is not the time of issue.",
        lambda m, t: _other(m, t, m.delegation(version=DELEGATED + 1)),
    ),
    "delegation_ends_before": (
        "It expires a millisecond after its delegation.",
        lambda m, t: _other(m, t, m.delegation(expires=ISSUED + 30 * DAY - 1)),
    ),
    "delegation_begins_after": (
        "It is issued a millisecond before its delegation.",
        lambda m, t: _other(m, t, m.delegation(issued=ISSUED + 1)),
    ),
    "delegation_withdraws_itself": (
        "Its delegation withdraws the keys that it names.",
        lambda m, t: _other(m, t, m.delegation(withdrawn=(_withdrawn(m),))),
    ),
    "delegation_key_governance": (
        "Its delegation names the governance keys.",
        lambda m, t: _other(m, t, _governing(m)),
    ),
}


def _withdrawn(member: Member) -> WithdrawnKeys:
    first, second = member.manifest_keys()
    return WithdrawnKeys(keys=(first.kid, second.kid))


def _governing(member: Member) -> Delegated:
    """A delegation of the governance keys themselves, as manifest keys."""
    halves = (member.governance.ed25519, member.governance.ml_dsa_65)
    named = []
    for half in halves:
        own = kid(MANIFEST, half.algorithm, half.public)
        message = possession_message(member.deployment, member.id, own)
        named.append(
            DelegatedKey(
                kid=own,
                algorithm=half.algorithm,  # type: ignore[arg-type]  # one of the two
                public=half.public,
                possession=half.sign(message),
            )
        )
    delegated = member.delegation(keys=tuple(named))
    return replace(delegated, keys=halves)


class Universal:
    """Signs for the neutral element: R is the base point and S is 1, whatever the message."""

    public = IDENTITY

    def sign(self, _message: bytes) -> bytes:
        return BASE_POINT + b"\x01" + bytes(31)


def _key(member: Member, what: str) -> Key:
    return member.key(STREAM, f"of {what}", begins=FOUNDED + HOUR)


def _content(member: Member, version: int, key: Key) -> dict[str, Any]:
    manifest = member.manifest(version, ISSUED, [key])
    content = parse_json(manifest_text(manifest).split(b"\n")[2])
    assert isinstance(content, dict)
    return content


def refused(ground: Ground) -> Setting:
    """The setting."""
    setting = founded("refused-manifests", ground)
    police = setting.members[POLICE]
    keys = [*police.first_keys(), police.key(RECEIPT, "short", ends=FOUNDED + DAY)]
    setting.add_manifest(f"{POLICE}.1", police, police.manifest(keys=keys))
    for version, (what, (_, change)) in enumerate(_CONTENTS.items(), 10):
        key = _key(police, what)
        content = _content(police, version, key)
        change(police, key, content)
        setting.manifests[what] = police.sign(_text(content))
    for version, (what, (_, sign)) in enumerate(_NOTES.items(), 40):
        text = _text(_content(police, version, _key(police, what)))
        setting.manifests[what] = police.delegation().note + sign(police, text)
    for version, (what, (_, whole)) in enumerate(_FILES.items(), 75):
        text = _text(_content(police, version, _key(police, what)))
        setting.manifests[what] = whole(police, text)
    small = _key(police, "small_order").listed
    own = kid(STREAM, "ed25519", IDENTITY)
    possession = Universal().sign(b"")
    changed = {"public": IDENTITY, "kid": own, "possession": possession}
    manifest: Manifest = police.manifest(60, ISSUED, [small.model_copy(update=changed)])
    setting.manifests["small_order"] = police.sign(manifest)
    good = police.manifest(100, ISSUED, [_key(police, "good")])
    setting.add_manifest("good", police, good)
    return setting


def cases(setting: Setting) -> Iterator[Case]:
    """One for each."""
    police = setting.members[POLICE]
    spec = "keys.md, Manifests"
    for what, (about, _) in {**_CONTENTS, **_NOTES, **_FILES}.items():
        s = Scene(setting, f"2-key_unknown-manifest_{what}")
        yield s.refused(
            f"A key that only a refused manifest lists. {about}",
            s.log(key=_key(police, what)).one(s.small().value()),
            spec=spec,
        )
    s = Scene(setting, "2-key_unknown-manifest_small_order")
    name = police.name
    universal = NoteSigner(name, key_id(name, b"\x04", IDENTITY), b"\x04", Universal())
    yield s.refused(
        "A key that only a refused manifest lists. It has small order, and its signature verifies "
        "for every message.",
        s.sign(s.small().value(), signer=universal),
        spec="keys.md, Enrolment",
    )
    s = Scene(setting, "10-opened-manifest_among_refused")
    event = s.small()
    yield s.opened(
        "A good manifest beside refused ones, of a higher version.",
        event,
        s.log(key=_key(police, "good")).one(event.value()),
        spec=spec,
    )
    s = Scene(setting, "10-opened-first_manifest")
    event = s.small()
    yield s.opened(
        "The first manifest still vouches for its key.",
        event,
        s.log(now=NOW).one(event.value()),
        spec=spec,
    )
