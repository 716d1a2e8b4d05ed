"""Cases of steps 2 and 3: whose signature, under which manifest, and where the path leads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from broker.envelope.primitives import Ed25519Signer, b64, strict_b64
from broker.keys.kid import ED25519, RECEIPT, STREAM
from broker.keys.signer import SoftwareSigner
from broker.record import CONTENT_TYPE_HEADER, PROOF_HEADER, SEALED_CONTENT_TYPE
from broker.statements.authorship import cosigner
from broker.tlog.note import NoteSigner
from tests.support.record_parts import as_leaf, proof_of, with_proof
from tests.vectors.making.agencies import (
    DAY,
    DEPLOYMENT,
    FOUNDED,
    MINUTE,
    NOW,
    POLICE,
    SECOND,
    SUPPORT,
    Key,
)
from tests.vectors.making.scene import Case, Scene
from tests.vectors.making.setting import Setting
from tests.vectors.making.streams import altered_proof

STREAM_ENDS = FOUNDED + 90 * DAY
MANIFEST_ENDS = FOUNDED + 30 * DAY
_ORDER_OF_ED25519 = 2**252 + 27742317777372353535851937790883648493


def cases(setting: Setting) -> Iterator[Case]:
    """All of them."""
    yield from _keys(setting)
    yield from _signatures(setting)
    yield from _times(setting)
    yield from _paths(setting)


def under_name(key: Key, name: str) -> NoteSigner:
    """A key that signs under a name of its choice."""
    own = SoftwareSigner(key.listed.kid, STREAM, ED25519, Ed25519Signer(key.seed))
    return cosigner(name, own)


# --- step 2: whose key ----------------------------------------------------------------------------


def _keys(setting: Setting) -> Iterator[Case]:
    police = setting.members[POLICE]
    s = Scene(setting, "2-key_unknown-other_agency")
    theirs = setting.stream[SUPPORT].cosigner
    yield s.refused(
        "An origin of the police, signed by the support service under its own name.",
        s.sign(s.small().value(), signer=theirs),
    )
    s = Scene(setting, "2-key_unknown-other_agencys_key")
    yield s.refused(
        "An origin of the police, signed by the support service under the name of the police.",
        s.sign(s.small().value(), signer=under_name(setting.stream[SUPPORT], police.name)),
    )
    s = Scene(setting, "2-key_unknown-receipt_key")
    yield s.refused(
        "A checkpoint that its sender signed with its receipt key.",
        s.sign(s.small().value(), signer=police.key(RECEIPT).cosigner),
    )
    s = Scene(setting, "2-key_unknown-unlisted_key")
    yield s.refused(
        "A checkpoint signed with a key that no manifest lists.",
        s.sign(s.small().value(), signer=police.key(STREAM, "unlisted").cosigner),
    )
    s = Scene(setting, "2-key_unknown-stranger")
    yield s.refused(
        "An agency that nobody knows.",
        s.sign(
            s.small().value(),
            agency="somebody-else",
            signer=under_name(police.key(STREAM, "unlisted"), f"{DEPLOYMENT}/somebody-else"),
        ),
    )
    for what, name in (("name", b"a/b"), ("name_deployment", b"pan-leeds/csu-camden")):
        s = Scene(setting, f"2-key_unknown-{what}")
        one = s.log().one(s.small().value())
        old = f"— {police.name} ".encode()
        yield s.refused(
            "The key id is that of the sender's stream key, the name in the line is another.",
            altered_proof(one, old, "— ".encode() + name + b" "),
        )


# --- step 2: the signature ------------------------------------------------------------------------


@dataclass(frozen=True)
class _Bent:
    """A key whose signatures are changed."""

    inner: NoteSigner
    what: str

    @property
    def public(self) -> bytes:
        return self.inner.key.public  # type: ignore[attr-defined]  # a signing key has one

    def sign(self, message: bytes) -> bytes:
        made = self.inner.key.sign(message)
        if self.what == "bit":
            return bytes([made[0] ^ 1]) + made[1:]
        if self.what == "zeros":
            return bytes(64)
        larger = int.from_bytes(made[32:], "little") + _ORDER_OF_ED25519
        return made[:32] + larger.to_bytes(32, "little")


def _signatures(setting: Setting) -> Iterator[Case]:
    honest = setting.stream[POLICE].cosigner
    for what, about in (
        ("bit", "A signature with a bit turned."),
        ("zeros", "A signature of zeros."),
        ("s_large", "A signature whose S is above the group's order (RFC 8032, section 5.1.7)."),
    ):
        s = Scene(setting, f"2-signature_wrong-{what}")
        bent = replace(honest, key=_Bent(honest, what))
        yield s.refused(about, s.sign(s.small().value(), signer=bent))
    s = Scene(setting, "2-signature_wrong-other_root")
    line = proof_of(s.log().one(s.small().value())).rpartition(b"\n\n")[2]
    forged = s.log().one(s.small().value())
    body = proof_of(forged).rpartition(b"\n\n")[0]
    yield s.refused(
        "A checkpoint of one's own above a signature line that was made for another.",
        with_proof(forged, body + b"\n\n" + line),
    )
    s = Scene(setting, "2-signature_wrong-other_time")
    one = s.log().one(s.small().value())
    head, _, encoded = proof_of(one)[:-1].rpartition(b" ")
    raw = strict_b64(encoded)
    later = (int.from_bytes(raw[4:12], "big") + 1).to_bytes(8, "big")
    moved = head + b" " + b64(raw[:4] + later + raw[12:]).encode() + b"\n"
    yield s.refused("A log time that was moved by a second.", with_proof(one, moved))
    s = Scene(setting, "2-signature_wrong-manifest_expired")
    late = MANIFEST_ENDS + DAY
    bent = replace(honest, key=_Bent(honest, "zeros"))
    yield s.refused(
        "The signature is looked at before the manifest's expiry: nobody makes a reader wait who "
        "only borrows a key id.",
        s.sign(s.small().value(), signer=bent, at=late),
        now=late,
    )


# --- step 2: times --------------------------------------------------------------------------------


def _times(setting: Setting) -> Iterator[Case]:
    for what, at in (
        ("before", FOUNDED - SECOND),
        ("at_its_end", STREAM_ENDS),
        ("after", STREAM_ENDS + DAY),
    ):
        s = Scene(setting, f"2-key_not_valid-{what}")
        yield s.refused(
            f"Signed with a key {'before it began' if what == 'before' else 'that had ended'}.",
            s.log(now=at).one(s.small().value()),
            now=max(at, NOW),
        )
    s = Scene(setting, "6-contract_not_in_force-key_begins")
    yield s.refused(
        "Signed in the first second of the stream key and of its manifest, which are valid; the "
        "contract had not started.",
        s.log(now=FOUNDED).one(replace(s.small(), time=FOUNDED).value()),
    )
    for what, at in (("at_its_end", MANIFEST_ENDS), ("last_second_of_key", STREAM_ENDS - SECOND)):
        s = Scene(setting, f"2-manifest_expired-{what}")
        yield s.refused(
            "Signed with a key that is valid when every manifest that lists it had expired.",
            s.log(now=at).one(s.small().value()),
            now=at,
        )
    s = Scene(setting, "2-manifest_expired-and_early")
    yield s.refused(
        "Expiry is looked at before the reader's clock.",
        s.log(now=MANIFEST_ENDS).one(s.small().value()),
        now=MANIFEST_ENDS - DAY,
    )
    s = Scene(setting, "2-key_not_valid-and_signature_wrong")
    honest = setting.stream[POLICE].cosigner
    bent = replace(honest, key=_Bent(honest, "bit"))
    yield s.refused(
        "The key's validity is looked at before the signature.",
        s.sign(s.small().value(), signer=bent, at=FOUNDED - SECOND),
    )
    s = Scene(setting, "10-opened-last_second_of_manifest")
    event, at = s.small(), MANIFEST_ENDS - SECOND
    yield s.opened(
        "Signed in the last second of the sender's manifest.",
        event,
        s.log(now=at).one(event.value()),
        now=at,
        spec="opening.md, step 2",
    )
    s = Scene(setting, "10-opened-manifest_expired_since")
    event = s.small()
    yield s.opened(
        "A manifest that has expired since is good for what was signed before.",
        event,
        s.log().one(event.value()),
        now=MANIFEST_ENDS + 30 * DAY,
        spec="opening.md, step 2",
    )
    s = Scene(setting, "10-opened-five_minutes_ahead")
    event = s.small()
    yield s.opened(
        "A log time of exactly five minutes ahead of the reader's clock.",
        event,
        s.log(now=NOW + 5 * MINUTE).one(event.value()),
        spec="opening.md, step 2",
    )
    for what, now in (("second", NOW), ("millisecond", NOW + 999)):
        s = Scene(setting, f"2-early-{what}")
        yield s.refused(
            f"A log time of a {what} more than five minutes ahead of the reader's clock.",
            s.log(now=NOW + 5 * MINUTE + SECOND).one(s.small().value()),
            now=now,
        )
    s = Scene(setting, "2-opened-generation_five_minutes_ahead")
    event, log = s.small(), s.log()
    log.restart(opened=NOW + 5 * MINUTE)
    yield s.opened(
        "A generation that was opened exactly five minutes after log time.",
        event,
        log.one(event.value()),
        spec="opening.md, step 2",
    )
    for what, opened in (
        ("millisecond", NOW + 5 * MINUTE + 1),
        ("no_integer_of_63_bits", 2**63),
        ("end_of_time", 2**64 - 1),
    ):
        for index in (0, 1):
            s = Scene(setting, f"2-generation_ahead-{what}_{index}")
            log = s.log()
            log.restart(opened=opened)
            *_, last = log.send(*(s.small().value() for _ in range(index + 1)))
            yield s.refused(
                "A generation after which none could be opened for a long time, or ever.",
                last,
                spec="opening.md, Order of the checks",
            )


# --- step 3 ---------------------------------------------------------------------------------------


def _paths(setting: Setting) -> Iterator[Case]:
    s = Scene(setting, "3-not_included-altered_value")
    value = s.small().value()
    one = s.log().one(value)
    yield s.refused("The last bit of the value turned.", replace(one, value=_turned(value)))
    s = Scene(setting, "3-not_included-neighbours_proof")
    first, second = s.log().send(s.small().value(), s.small().value())
    s.then(replace(first, headers=second.headers))
    s.then(replace(second, headers=first.headers))
    yield s.case("Two records of a batch under each other's proofs.")
    s = Scene(setting, "3-not_included-neighbours_leaf")
    first, second = s.log().send(s.small().value(), s.small().value())
    yield s.refused(
        "A leaf replay with the hash of another record.",
        replace(as_leaf(first), value=as_leaf(second).value),
    )
    s = Scene(setting, "3-not_included-leaf_as_value")
    one = as_leaf(s.log().one(s.small().value()))
    sealed = ((CONTENT_TYPE_HEADER, SEALED_CONTENT_TYPE), (PROOF_HEADER, proof_of(one)))
    yield s.refused(
        "A leaf hash under the content type of sealed events is hashed once more.",
        replace(one, headers=sealed),
    )
    for what, old, new, about in (
        ("index_at_size", b"index 1\n", b"index 3\n", "An index that is not below the size."),
        ("index_other", b"index 1\n", b"index 2\n", "Another index under the same path."),
    ):
        s = Scene(setting, f"3-not_included-{what}")
        one = s.log().send(b"a first record", s.small().value(), b"a third record")[1]
        yield s.refused(about, altered_proof(one, old, new))
    for what, about in (
        ("path_short", "A path that lacks its last hash."),
        ("path_long", "A path with a hash too many."),
        ("path_swapped", "A path whose hashes changed places."),
        ("path_none", "No path."),
    ):
        s = Scene(setting, f"3-not_included-{what}")
        one = s.log().send(b"a first record", s.small().value(), b"a third record")[1]
        lines = proof_of(one).split(b"\n")
        path = {
            "path_short": lines[2:3],
            "path_long": [*lines[2:4], lines[2]],
            "path_swapped": [lines[3], lines[2]],
            "path_none": [],
        }[what]
        yield s.refused(about, with_proof(one, b"\n".join([*lines[:2], *path, *lines[4:]])))
    s = Scene(setting, "3-not_included-moves_nothing")
    first, second = s.log().send(b"not a sealed value", s.small().value())
    s.then(replace(second, value=b"altered"))
    s.then(first, {"refused": "value_malformed", "step": 5})
    yield s.case("A record that fails here moves nothing: the one before it is a start.")


def _turned(value: bytes) -> bytes:
    return value[:-1] + bytes([value[-1] ^ 1])
