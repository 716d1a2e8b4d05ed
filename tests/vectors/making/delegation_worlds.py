"""Settings of later delegations: a thief of manifest keys, and what their owner does then.

docs/spec/keys.md, "Delegations". The thief has the first pair of manifest keys of the police.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from broker.envelope.primitives import sha256
from broker.keys.delegation import Revocation, WithdrawnKeys
from broker.keys.kid import EXCHANGE, RECEIPT, STREAM
from broker.keys.manifest import Manifest, StatedRevocation, manifest_text
from tests.vectors.making.agencies import (
    COUNCIL,
    DAY,
    FOUNDED,
    HOUR,
    POLICE,
    Delegated,
    Key,
    Member,
)
from tests.vectors.making.ground import Ground
from tests.vectors.making.manifest_forms import LARGEST
from tests.vectors.making.scene import Case, Scene
from tests.vectors.making.setting import Setting, founded

STOLEN = FOUNDED + HOUR
"""When the thief issues its manifest."""
RENEWED = FOUNDED + 2 * HOUR
"""When the owner issues its second delegation."""
LONG_AGO = FOUNDED - 40 * DAY
SPEC = "keys.md, Delegations"


def _key(member: Member, what: str) -> Key:
    return member.key(STREAM, f"of {what}", begins=FOUNDED)


def _hash(manifest: Manifest) -> bytes:
    return sha256(manifest_text(manifest))


def _pair(member: Member, which: str = "first") -> tuple[bytes, bytes]:
    first, second = member.manifest_keys(which)
    return first.kid, second.kid


def _add(setting: Setting, what: str, manifest: Manifest, delegated: Delegated) -> None:
    """Sign a manifest of the police under a delegation and put it into the folder."""
    named = manifest.model_copy(update={"delegation": delegated.hash})
    setting.manifests[f"{POLICE}-{what}"] = setting.members[POLICE].sign(named, delegated)
    setting.latest = max(setting.latest, manifest.issued)


def delegations(ground: Ground) -> Setting:
    """A thief issues the highest version; the owner makes a second and a third delegation."""
    setting = founded("delegations", ground)
    police = setting.members[POLICE]
    first, second = police.delegation(), police.delegation("second", RENEWED)
    _add(setting, "thief", police.manifest(LARGEST, STOLEN, [_key(police, "thief")]), first)
    later = police.manifest(LARGEST, STOLEN, [_key(police, "later")])
    _add(setting, "thief2", later, first)
    again = police.manifest(2, RENEWED, [police.key(EXCHANGE), _key(police, "again")])
    _add(setting, "again", again, second)
    revoked = police.key(STREAM, "lost", begins=LONG_AGO)
    long_ago = Revocation(kid=revoked.listed.kid, since=LONG_AGO, reason="x")
    third = police.delegation("second", RENEWED + 1000, revocations=(long_ago,))
    after = police.manifest(1, RENEWED + 1000, [_key(police, "after")])
    _add(setting, "after", after, third)
    listing = police.manifest(1, RENEWED, [revoked])
    _add(setting, "listing", listing, second)
    return setting


def withdrawn(ground: Ground) -> Setting:
    """A thief revokes the owner's stream key; the owner withdraws the stolen manifest keys."""
    setting = founded("withdrawn", ground)
    police = setting.members[POLICE]
    stream, stolen = police.key(STREAM), police.delegation()
    revocation = StatedRevocation(kid=stream.listed.kid, since=FOUNDED, stated=STOLEN, reason="x")
    thief = police.manifest(2, STOLEN, [_key(police, "thief")], revocations=(revocation,))
    _add(setting, "thief", thief, stolen)
    stands = police.manifest(3, STOLEN, [_key(police, "stands")])
    _add(setting, "stands", stands, stolen)
    named = WithdrawnKeys(keys=_pair(police), stand=(_hash(police.manifest()), _hash(stands)))
    second = police.delegation("second", RENEWED, withdrawn=(named,))
    keys = [stream, police.key(EXCHANGE), police.key(RECEIPT)]
    _add(setting, "again", police.manifest(2, RENEWED, keys), second)
    third = police.delegation("first", RENEWED + 1000)
    late = police.manifest(4, RENEWED + 1000, [_key(police, "late")])
    _add(setting, "late", late, third)
    return setting


def cases(settings: Mapping[str, Setting]) -> Iterator[Case]:
    """Yield a case for each key that a manifest lists."""

    def case(setting: str, name: str, key: Key, about: str) -> Case:
        s = Scene(settings[setting], name)
        event = s.small()
        one = s.log(key=key).one(event.value())
        s.then(one, event.answer(COUNCIL) if "opened" in name else None)
        return s.case(about, spec=SPEC)

    police = settings["delegations"].members[POLICE]
    yield case(
        "delegations",
        "10-opened-delegation_after_highest_version",
        _key(police, "again"),
        "A thief issued the version 2^53 - 1. With a later delegation the versions begin again.",
    )
    yield case(
        "delegations",
        "10-opened-delegation_later_of_same_keys",
        _key(police, "after"),
        "A later delegation of the same manifest keys begins the versions again.",
    )
    yield case(
        "delegations",
        "2-key_unknown-delegation_of_highest_version",
        _key(police, "later"),
        "Under the same delegation nothing follows the highest version.",
    )
    yield case(
        "delegations",
        "2-key_revoked-delegation_long_ago",
        police.key(STREAM, "lost", begins=LONG_AGO),
        "A delegation revokes a key since a time that no manifest may name.",
    )
    yield case(
        "withdrawn",
        "10-opened-delegation_void_revocation",
        police.key(STREAM),
        "A void manifest revoked this key. A void manifest was never made.",
    )
    yield case(
        "withdrawn",
        "2-key_unknown-delegation_void_key",
        _key(police, "thief"),
        "A key that only a void manifest lists.",
    )
    yield case(
        "withdrawn",
        "10-opened-delegation_stands",
        _key(police, "stands"),
        "A manifest of withdrawn keys that the delegation names as standing still counts.",
    )
    yield case(
        "withdrawn",
        "2-key_unknown-delegation_of_withdrawn_keys",
        _key(police, "late"),
        "A later delegation names withdrawn keys again: what they sign is void.",
    )
