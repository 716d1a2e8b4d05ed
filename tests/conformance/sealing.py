"""One event sealed from the text alone: docs/spec/sending.md, steps 1 to 6, and envelope.md.

The other half of the second reader: what a sender must know is what this module reads in a contract
and in manifests. It keeps a session for each agency, exchange key and contract, and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.conformance import envelope, json_form, keys
from tests.conformance.contracts import Contract
from tests.conformance.conventions import be, lp, sha256
from tests.conformance.envelope import NO_KEY, Group, SealedValue
from tests.conformance.event_checks import Terms
from tests.conformance.manifests import Key, Manifests
from tests.conformance.refusals import MalformedError


def exchange_key_of(manifests: Manifests, now: int) -> Key:
    """The key for which a sender wraps now (keys.md, "Which exchange key").

    Raises:
        MalformedError: there is none, so nothing can be sealed for this agency.
    """
    newest = manifests.believed[-1]
    usable = [
        key
        for key in newest.keys
        if key.role == keys.EXCHANGE
        and key.not_before <= now < min(key.not_after, newest.expires)
        and manifests.revoked_since(key.kid) is None
    ]
    if not usable:
        raise MalformedError("no exchange key that is valid now")
    return max(usable, key=lambda key: key.not_before)


def event_id(secret: bytes, key: str) -> str:
    """The id of an item with an idempotency key (envelope.md, "Ids and partitions")."""
    return _uuid8(hmac.digest(secret, lp("concordant/1/event-id", key), "sha256"))


def clear_id(secret: bytes, identity: str, first_agency: str) -> str:
    """The id in the clear of a part or a copy."""
    label = lp("concordant/1/clear-id", identity, first_agency)
    return _uuid8(hmac.digest(secret, label, "sha256"))


def _uuid8(mac: bytes) -> str:
    octets = bytearray(mac[:16])
    octets[6] = 0x80 | octets[6] & 0x0F  # version 8
    octets[8] = 0x80 | octets[8] & 0x3F  # the variant of RFC 9562
    return str(uuid.UUID(bytes=bytes(octets)))


def partition(secret: bytes, case_id: str, count: int) -> int:
    """The partition of a case in a topic of so many."""
    mac = hmac.digest(secret, lp("concordant/1/partition", case_id), "sha256")
    return int.from_bytes(mac[:8], "big") % count


@dataclass(frozen=True, slots=True)
class Session:
    """A session secret and its wrap for one agency's exchange key and one contract."""

    secret: bytes
    wrap: bytes


@dataclass(slots=True)
class Sender:
    """One agency that seals."""

    deployment: str
    agency: str
    _sessions: dict[tuple[bytes, str, bytes], Session] = field(default_factory=dict)

    def seal(
        self,
        contract: Contract,
        event_type: str,
        data: Mapping[str, Any],
        exchange: Mapping[str, Key],
        *,
        identity: str,
        time: int,
        addressed: Sequence[str] = (),
        clear_id: str | None = None,
    ) -> bytes:
        """The sealed value of an event.

        Args:
            contract: in force now, of which this agency is a party.
            event_type: one that the agency's role may publish.
            data: leaves by dotted path; those that consent forbids are left out here.
            exchange: the addressed agencies, and the key to wrap for of each.
            identity: the event's id.
            addressed: every agency that is addressed, if this is a part or a copy for some.
            clear_id: the id in the clear of a part or a copy.
            time: of the event, in milliseconds.

        Raises:
            MalformedError: the contract does not let this be sent.
        """
        to = sorted(exchange)
        terms = Terms(
            contract.members["event_types"][event_type],
            contract.roles,
            contract.members["consent_by_role"],
            self.agency,
            tuple(to),
            contract.vocabulary,
        )
        layout = list(terms.groups().items())
        others = replace(terms, addressed=tuple(sorted(addressed)))
        known = data.keys() & terms.fields.keys()
        unread = {p for p in known if others.may_be_sent(p) and not terms.may_be_sent(p)}
        kept = {path: value for path, value in data.items() if path not in unread}
        model = contract.vocabulary.models[event_type]
        if not addressed and model.unmet(data, [p for p in terms.fields if terms.may_be_sent(p)]):
            raise MalformedError("a leaf is missing that a condition asks for")
        leaves = self._what_flows(terms, event_type, kept)
        texts = [{path: leaves[path] for path in paths if path in leaves} for _, paths in layout]
        texts[0] = {"data": texts[0], "to": to, "type": event_type}
        if clear_id is not None:
            texts[0]["id"] = identity
        clear_id = clear_id or identity
        value = SealedValue(clear_id, time, contract.hash, (), ())
        ctx = envelope.context(self.deployment, value, self.agency)
        secrets = [os.urandom(32) for _ in texts]
        groups = tuple(
            _group(number, secret, json_form.serialise(text).encode(), ctx, bound=bound)
            for number, (secret, text, ((_, bound), _)) in enumerate(
                zip(secrets, texts, layout, strict=True)
            )
        )
        committed = sha256(lp("concordant/1/groups", ctx, *(group.commitment for group in groups)))
        entries = []
        for agency, key in exchange.items():
            session = self._session(contract.hash, agency, key)
            plain = b"".join(
                secret
                if agency in readers and (not bound or terms.has_consent(agency, leaves))
                else NO_KEY
                for secret, ((readers, bound), _) in zip(secrets, layout, strict=True)
            )
            aad = lp(
                "concordant/1/groupkeys", ctx, committed, agency, key.kid, sha256(session.wrap)
            )
            nonce = os.urandom(12)
            sealed = AESGCM(session.secret).encrypt(nonce, plain, aad)
            entries.append(session.wrap + nonce + sealed)
        return b"".join(
            [
                be(1, 1) + uuid.UUID(clear_id).bytes + be(time, 8) + contract.hash,
                be(len(groups), 2),
                *(
                    group.commitment + be(len(group.ciphertext), 4) + group.ciphertext
                    for group in groups
                ),
                be(len(entries), 2),
                *sorted(entries),  # by the wraps, which differ
            ]
        )

    def _what_flows(self, terms: Terms, event_type: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """The leaves that are sealed (contracts.md, "What may be sent" and "Consent")."""
        addressed = terms.addressed
        if not addressed or self.agency in addressed or not {*addressed} <= terms.roles.keys():
            raise MalformedError("not agencies that can be addressed")
        if terms.roles[self.agency] not in terms.members["publishers"]:
            raise MalformedError("a type that this role may not publish")
        if any(terms.roles[agency] not in terms.members["recipients"] for agency in addressed):
            raise MalformedError("a role that may not receive the type")
        known = terms.vocabulary.models[event_type]
        if not all(path in terms.fields for path in data):
            raise MalformedError("not of the contract")
        known.check(data, frozenset(known.leaves))
        if not all(terms.may_be_sent(path) for path in data):
            raise MalformedError("a leaf that may not be sent")
        leaves = dict(data)
        lacking = {path for path in leaves if terms.lacks_consent_for(path, leaves)}
        leaves = {path: leaves[path] for path in leaves if path not in lacking}
        required = {path for path in terms.fields if terms.fields[path]["required"]}
        if not {path for path in required if terms.may_be_sent(path)} <= leaves.keys():
            raise MalformedError("a required leaf is missing, or consent takes it away")
        known.check(leaves, frozenset(known.leaves))
        if terms.consent_bound(terms.vocabulary.case) and not all(
            terms.has_consent(agency, leaves) for agency in terms.addressed
        ):
            raise MalformedError("a recipient would not get the case")
        return {
            path: value
            for path, value in leaves.items()
            if not terms.consent_bound(path)
            or any(terms.has_consent(agency, leaves) for agency in terms.readers(path))
        }

    def _session(self, contract_hash: bytes, recipient: str, key: Key) -> Session:
        held = self._sessions.get((contract_hash, recipient, key.kid))
        if held is None:
            info = envelope.session_info(
                self.deployment, contract_hash, self.agency, recipient, key.kid
            )
            secret = os.urandom(32)
            lattice, curve = (
                key.public[: keys.ML_KEM_768_BYTES],
                key.public[keys.ML_KEM_768_BYTES :],
            )
            public = hpke.MLKEM768X25519PublicKey(
                MLKEM768PublicKey.from_public_bytes(lattice),
                X25519PublicKey.from_public_bytes(curve),
            )
            held = Session(secret, envelope.SUITE.encrypt(secret, public, info))
            self._sessions[contract_hash, recipient, key.kid] = held
        return held


def _group(number: int, secret: bytes, text: bytes, ctx: bytes, *, bound: bool) -> Group:
    floor = envelope.BOUND_FLOOR_BYTES if bound else envelope.FLOOR_BYTES
    plaintext = be(len(text), 4) + text
    plaintext += bytes(envelope.padded_length(len(plaintext), floor) - len(plaintext))
    label = lp("concordant/1/group", ctx, be(number, 2))
    block = hashlib.sha512(be(1, 4) + secret + label).digest()
    aad = lp("concordant/1/aad", ctx, be(number, 2))
    return Group(block[32:], AESGCM(block[:32]).encrypt(bytes(12), plaintext, aad))
