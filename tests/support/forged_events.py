"""Events sealed with whatever contents a test asks for, by the product's own primitives.

Other groups, another ``to``, keys that were given or withheld against the contract, someone else's
ciphertext: whatever a hostile sender can make.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from broker.envelope import framing
from broker.envelope.canonical import format_json
from broker.envelope.layout import format_value
from broker.envelope.padding import BOUND_FLOOR_BYTES, FLOOR_BYTES, pad
from broker.envelope.primitives import (
    HASH_BYTES,
    NONCE_BYTES,
    AeadKey,
    one_step_kdf,
    random_bytes,
)
from broker.envelope.sealing import WrappedSession, WrapRecipient
from broker.event import JSON
from broker.registry.contracts import SignedContract
from contracts.decision import has_consent
from contracts.examples import example
from contracts.model import Contract
from contracts.policy import Grouping, group_fields
from tests.support.founded_partnership import (
    COUNCIL,
    MADE,
    NOW,
    POLICE,
    SUPPORT,
    founded,
)
from tests.support.words import flatten


@dataclass
class Forgery:
    """One event on its way to a sealed value; every part can be another than the contract's.

    Made honest by ``draft_event``; a test then changes what it wants and calls ``value``.
    """

    source: str
    contract: bytes
    head: dict[str, JSON]
    groups: list[dict[str, JSON]]
    to: list[str]
    may_read: dict[str, list[bool]]
    event_id: UUID = field(default_factory=uuid4)
    time: int = NOW
    texts: dict[int, bytes] = field(default_factory=dict)
    """JSON text by group, where it is not the canonical one of ``groups``."""
    padded: Callable[[bytes], bytes] | None = None
    bound: tuple[bool, ...] = ()
    """Whether each group is consent-bound: the floor of its padding."""
    commitments: dict[int, bytes] = field(default_factory=dict)
    ciphertexts: dict[int, Callable[[bytes], bytes]] = field(default_factory=dict)
    key_lists: Callable[[bytes], bytes] = lambda keys: keys
    session: Callable[[WrapRecipient], WrappedSession] | None = None
    """Other terms for the session wraps; those of this source and contract if None."""

    def contents(self) -> list[bytes]:
        objects: list[JSON] = [{**self.head, "data": self.groups[0]}, *self.groups[1:]]
        return [
            self.texts.get(index) or format_json(content) for index, content in enumerate(objects)
        ]

    def pad_group(self, index: int, content: bytes) -> bytes:
        if self.padded is not None:
            return self.padded(content)
        is_bound = index < len(self.bound) and self.bound[index]
        return pad(content, BOUND_FLOOR_BYTES if is_bound else FLOOR_BYTES)

    def value(self) -> bytes:
        """The sealed bytes (docs/spec/envelope.md, "Sealing")."""
        world = founded()
        context = framing.event_context(
            framing.context_prefix(world.deployment, self.contract, self.source),
            str(self.event_id),
        )
        secrets, commitments, sealed = [], [], []
        for index, content in enumerate(self.contents()):
            secret = random_bytes(HASH_BYTES)
            derived = one_step_kdf(secret, framing.group_info(context, index))
            ciphertext = AeadKey(derived[:HASH_BYTES]).seal(
                bytes(NONCE_BYTES),
                self.pad_group(index, content),
                framing.group_aad(context, index),
            )
            commitment = self.commitments.get(index, derived[HASH_BYTES:])
            secrets.append(secret)
            commitments.append(commitment)
            sealed.append((commitment, self.ciphertexts.get(index, lambda c: c)(ciphertext)))
        bound = framing.groups_hash(context, commitments)
        entries = []
        for agency in self.to:
            key = world.exchange_key(agency)
            session = (
                self.session(key)
                if self.session
                else WrappedSession(world.deployment, self.contract, self.source, key, NOW)
            )
            may_read = self.may_read[agency]
            keys = b"".join(
                secret if may else bytes(HASH_BYTES)
                for secret, may in zip(secrets, may_read, strict=True)
            )
            nonce = random_bytes(NONCE_BYTES)
            aad = framing.key_list_aad(context, bound, session.tail)
            key_list = nonce + session.aead.seal(nonce, keys, aad)
            entries.append((session.wrap, self.key_lists(key_list)))
        return format_value(self.event_id.bytes, self.time, self.contract, sealed, sorted(entries))


def draft_event(
    event_type: str = MADE,
    source: str = POLICE,
    to: Sequence[str] = (COUNCIL, SUPPORT),
    *,
    signed: SignedContract | None = None,
    without: Sequence[str] = (),
    publisher: str | None = None,
    **changes: JSON,
) -> Forgery:
    """An event as an honest sender would seal it; ``changes`` are leaves (dots as ``__``).

    ``publisher`` is whose fields it has, if not ``source``'s.
    """
    world = founded()
    under = signed or world.signed
    publisher = publisher or source
    role = world.contract.role_of[publisher]
    if role not in world.contract.event_types[event_type].publishers:
        publisher = POLICE
    plain = example(world.contract, publisher, event_type)
    flat = flatten(event_type, plain.data)
    flat |= {name.replace("__", "."): value for name, value in changes.items()}
    layout = group_fields(under.contract, event_type, frozenset(to))
    groups = [
        {path: flat[path] for path in order if path in flat and path not in without}
        for order in layout.order
    ]
    return Forgery(
        source,
        under.hash,
        {"to": sorted(to), "type": event_type},
        groups,
        list(to),
        {
            agency: _given_keys(under.contract, layout, publisher, agency, groups[0])
            for agency in to
        },
        bound=layout.bound,
    )


def _given_keys(
    contract: Contract, layout: Grouping, sender: str, agency: str, data: Mapping[str, JSON]
) -> list[bool]:
    """For each group, whether an honest sender gives an agency its key."""
    may_read, parties = layout.may_read[agency], contract.role_of.keys()
    if not {sender, agency} <= parties or has_consent(contract, sender, agency, data):
        return list(may_read)
    return [may and not bound for may, bound in zip(may_read, layout.bound, strict=True)]


def group_of(path: str, event_type: str = MADE, to: Sequence[str] = (COUNCIL, SUPPORT)) -> int:
    return group_fields(founded().contract, event_type, frozenset(to)).group_of[path]


def one_session(contract: bytes, source: str = POLICE) -> Callable[[WrapRecipient], WrappedSession]:
    """The same session for every event: one wrap for each recipient, made under these terms."""
    made: dict[str, WrappedSession] = {}

    def session(key: WrapRecipient) -> WrappedSession:
        terms = (founded().deployment, contract, source)
        return made.setdefault(key.agency, WrappedSession(*terms, key, NOW))

    return session
