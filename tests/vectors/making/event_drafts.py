"""Events of the vectors: as an honest sender would seal them, and every part open to change.

docs/spec/envelope.md. Nothing is refused here: what a case puts in is sealed and signed, so that
each check of a reader can be met by a record that passes all the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from broker.envelope import framing
from broker.envelope.canonical import format_json
from broker.envelope.layout import format_value
from broker.envelope.padding import BOUND_FLOOR_BYTES, FLOOR_BYTES, pad
from broker.envelope.primitives import HASH_BYTES, NONCE_BYTES, AeadKey, one_step_kdf
from broker.event import JSON
from contracts.decision import has_consent
from contracts.examples import example
from contracts.model import Contract
from contracts.policy import Grouping, group_fields, policy_for
from contracts.vocabulary import unflatten
from tests.vectors.making.agencies import NOW, POLICE, Key
from tests.vectors.making.ground import Ground

MADE, CHANGED, CASE = "referral.made", "referral.status-changed", "case.updated"
CRITICAL, CORRECTION = "critical-incident.declared", "correction.made"

PLAIN: dict[str, JSON] = {
    "case_id": "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38",
    "referral_id": "b41e9c07-2f6d-4a95-8c3b-e6d27a10f594",
    "requested_service": "practical_support",
}
"""The least that a referral may say."""


@dataclass(frozen=True)
class Session:
    """A session secret and its wrap for one exchange key."""

    wrap: bytes
    tail: bytes
    secret: bytes


@dataclass(frozen=True)
class Terms:
    """Purpose of a session wrap (HPKE's info), and the secret that it holds.

    Attributes:
        recipient: instead of the addressed agency.
        key_lists_for: the same, in the AAD of the key lists.
    """

    deployment: str
    contract: bytes
    source: str
    which: str = "first"
    recipient: str | None = None
    key_lists_for: str | None = None

    def session(self, ground: Ground, agency: str, key: Key) -> Session:
        """The wrap for ``agency``, or for ``recipient``; the same terms and key give the same."""
        to = self.recipient or agency
        info = framing.session_info(self.deployment, self.contract, self.source, to, key.listed.kid)
        secret = ground.draw(HASH_BYTES, "session", info, self.which)
        wrap = ground.wrap(key.seed, info, secret)
        return Session(
            wrap, framing.session_tail(self.key_lists_for or to, key.listed.kid, wrap), secret
        )


@dataclass
class Draft:
    """One event on its way to a sealed value.

    Attributes:
        label: names its randomness.
        exchange: agency -> the key that its wrap is for.
        texts: the JSON of a group, where it is not the canonical one of ``groups``.
        padded: JSON text of a group -> its plaintext, where it is not padded as it must be.
        secrets: ``K_i`` of a group, where it is not a drawn one; ``secrets_of``, for one agency.
        terms: of the wraps, those of this event if None.
        extra_entries: recipients beside those of ``to``.
        event_id: the event's id, if this is a part or a copy; ``id`` is then its own.
        agreement: its contract, for the answer.
    """

    ground: Ground
    label: str
    deployment: str
    source: str
    contract: bytes
    head: dict[str, JSON]
    groups: list[dict[str, JSON]]
    to: list[str]
    may_read: dict[str, list[bool]]
    exchange: Mapping[str, Key]
    layout: Grouping | None
    id: UUID
    time: int = NOW
    texts: dict[int, bytes] = field(default_factory=dict)
    padded: Callable[[bytes], bytes] | None = None
    secrets: dict[int, bytes] = field(default_factory=dict)
    secrets_of: dict[str, dict[int, bytes]] = field(default_factory=dict)
    commitments: dict[int, bytes] = field(default_factory=dict)
    ciphertexts: dict[int, Callable[[bytes], bytes]] = field(default_factory=dict)
    key_lists: Callable[[bytes], bytes] = lambda keys: keys
    terms: Terms | None = None
    extra_entries: list[tuple[bytes, bytes]] = field(default_factory=list)
    event_id: UUID | None = None
    agreement: Contract | None = None

    def group_of(self, path: str) -> int:
        """The index of the group that a leaf is in."""
        assert self.layout is not None
        return self.layout.group_of[path]

    def contents(self) -> list[bytes]:
        """The JSON texts of the groups."""
        head = self.head if self.event_id is None else {**self.head, "id": str(self.event_id)}
        objects: list[JSON] = [{**head, "data": self.groups[0]}, *self.groups[1:]]
        return [
            self.texts[index] if index in self.texts else format_json(content)
            for index, content in enumerate(objects)
        ]

    def pad_group(self, index: int, content: bytes) -> bytes:
        """The plaintext of a group: ``padded``, or the floor of the group's kind."""
        if self.padded is not None:
            return self.padded(content)
        bound = self.layout.bound if self.layout is not None else ()
        is_bound = index < len(bound) and bound[index]
        return pad(content, BOUND_FLOOR_BYTES if is_bound else FLOOR_BYTES)

    @property
    def context(self) -> bytes:
        """``ctx``."""
        prefix = framing.context_prefix(self.deployment, self.contract, self.source)
        return framing.event_context(prefix, str(self.id))

    def group_key(self, index: int) -> tuple[bytes, bytes, bytes]:
        """``K_i``, ``key_i`` and ``commit_i``."""
        secret = self.secrets.get(index) or self.ground.draw(HASH_BYTES, "group", self.label, index)
        derived = one_step_kdf(secret, framing.group_info(self.context, index))
        return secret, derived[:HASH_BYTES], derived[HASH_BYTES:]

    def value(self) -> bytes:
        """The sealed bytes."""
        context = self.context
        secrets, commitments, sealed = [], [], []
        for index, content in enumerate(self.contents()):
            secret, key, commitment = self.group_key(index)
            ciphertext = AeadKey(key).seal(
                bytes(NONCE_BYTES),
                self.pad_group(index, content),
                framing.group_aad(context, index),
            )
            commitment = self.commitments.get(index, commitment)
            secrets.append(secret)
            commitments.append(commitment)
            sealed.append((commitment, self.ciphertexts.get(index, lambda c: c)(ciphertext)))
        bound = framing.groups_hash(context, commitments)
        entries = [self._entry(agency, secrets, context, bound) for agency in self.to]
        entries = sorted([*entries, *self.extra_entries])
        return format_value(self.id.bytes, self.time, self.contract, sealed, entries)

    def _entry(
        self, agency: str, secrets: list[bytes], context: bytes, bound: bytes
    ) -> tuple[bytes, bytes]:
        terms = self.terms or Terms(self.deployment, self.contract, self.source)
        session = terms.session(self.ground, agency, self.exchange[agency])
        given = {**dict(enumerate(secrets)), **self.secrets_of.get(agency, {})}
        keys = b"".join(
            given[index] if may else bytes(HASH_BYTES)
            for index, may in enumerate(self.may_read[agency])
        )
        nonce = self.ground.draw(NONCE_BYTES, "nonce", self.label, agency)
        aad = framing.key_list_aad(context, bound, session.tail)
        return session.wrap, self.key_lists(nonce + AeadKey(session.secret).seal(nonce, keys, aad))

    def answer(self, reader: str) -> dict[str, object]:
        """Expected answer of ``reader``, if it may open this."""
        assert self.layout is not None
        flat: dict[str, JSON] = {}
        for group, may in zip(self.groups, self.may_read[reader], strict=True):
            flat |= group if may else {}
        event_type = self.head["type"]
        assert isinstance(event_type, str)
        addressed, agreement = self.head["to"], self.agreement
        assert isinstance(addressed, list)
        assert agreement is not None
        policy = policy_for(agreement, self.source, tuple(map(str, addressed)), event_type)
        of_type = agreement.vocabulary.type(event_type)
        hidden = of_type.leaves.keys() - policy.consented(flat).obtained[reader]
        unlisted = list(of_type.unlisted(flat))
        at = datetime.fromtimestamp(self.time // 1000, UTC)
        return {
            "id": str(self.event_id or self.id),
            "type": event_type,
            "source": self.source,
            "time": f"{at:%Y-%m-%dT%H:%M:%S}.{self.time % 1000:03d}Z",
            "data": unflatten(flat),
            "withheld": sorted(hidden),
            **({"unlisted": unlisted} if unlisted else {}),
        }


def given_keys(
    contract: Contract, layout: Grouping, sender: str, agency: str, data: Mapping[str, JSON]
) -> list[bool]:
    """For each group, whether an honest sender gives an agency its key."""
    may_read, parties = layout.may_read[agency], contract.role_of.keys()
    if not {sender, agency} <= parties or has_consent(contract, sender, agency, data):
        return list(may_read)
    return [may and not bound for may, bound in zip(may_read, layout.bound, strict=True)]


def draft_event(
    ground: Ground,
    label: str,
    contract: Contract,
    contract_hash: bytes,
    exchange: Mapping[str, Key],
    event_type: str,
    source: str,
    to: Sequence[str],
    *,
    without: Sequence[str] = (),
    publisher: str | None = None,
    flat: Mapping[str, JSON] | None = None,
    changes: Mapping[str, JSON] | None = None,
) -> Draft:
    """An event as an honest sender would seal it.

    Args:
        publisher: whose fields it has, if not ``source``'s.
        flat: all of its leaves, the example's if None.
        changes: leaves to set.
        without: leaves to leave out.
    """
    if flat is None:
        publisher = publisher or source
        role = contract.role_of.get(publisher)
        if role not in contract.event_types[event_type].publishers:
            publisher = POLICE
        plain = example(contract, publisher, event_type)
        flat = contract.vocabulary.type(event_type).flatten(plain.data)
    flat = {**flat, **(changes or {})}
    layout = group_fields(contract, event_type, frozenset(to))
    groups: list[dict[str, JSON]] = [
        {path: flat[path] for path in order if path in flat and path not in without}
        for order in layout.order
    ]
    identity = ground.draw(16, "id", label)
    return Draft(
        ground=ground,
        label=label,
        deployment=contract.deployment,
        source=source,
        contract=contract_hash,
        head={"to": sorted(to), "type": event_type},
        groups=groups,
        to=list(to),
        may_read={
            agency: given_keys(contract, layout, publisher or source, agency, groups[0])
            for agency in to
        },
        exchange=exchange,
        layout=layout,
        id=UUID(bytes=identity, version=4),
        agreement=contract,
    )
