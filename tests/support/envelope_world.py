"""Recipients with real exchange keys, and one call to seal, one to open, one to be refused."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest

from broker.envelope.framing import context_prefix
from broker.envelope.layout import RecipientEntry, SealedEvent, parse_value
from broker.envelope.opening import OpeningError, OpeningKey, OpenSession, Sessions, open_groups
from broker.envelope.primitives import WrapOpener, WrapSealer, sha256
from broker.envelope.sealing import Sealer, WrapRecipient, sealing_input

DEPLOYMENT = "pan-london"
SOURCE = "csu-camden"
CONTRACT = sha256(b"a contract")
EVENT = UUID("0198b6a1-7c44-8e21-9f00-0123456789ab")
NOW = 1_750_000_000_000

GROUPS = [b'{"data":{},"to":["a"],"type":"t"}', b'{"a":1}', b'{"b":2}']
PREFIX = context_prefix(DEPLOYMENT, CONTRACT, SOURCE)


class Limit:
    """Allows so many new wraps to be tried."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self) -> bool:
        if self.left == 0:
            return False
        self.left -= 1
        return True


class Recipient:
    """An agency with one exchange key."""

    def __init__(self, agency: str, seed: bytes) -> None:
        opener = WrapOpener(seed)
        self.agency = agency
        self.kid = sha256(opener.public)
        self.public = opener.public
        self.key = WrapRecipient(agency, self.kid, WrapSealer(opener.public))
        self.opening = OpeningKey(self.kid, opener)

    def find(
        self,
        sealed: SealedEvent,
        *,
        deployment: str = DEPLOYMENT,
        source: str = SOURCE,
        reader: str | None = None,
        sessions: Sessions | None = None,
        budget: int = 64,
    ) -> tuple[RecipientEntry, OpenSession] | None:
        sessions = Sessions() if sessions is None else sessions
        return sessions.find(
            sealed, deployment, source, reader or self.agency, (self.opening,), Limit(budget)
        )

    def open(
        self, sealed: SealedEvent, *, prefix: bytes = PREFIX, event: UUID | None = None
    ) -> list[bytes | None]:
        found = self.find(sealed)
        assert found is not None
        event = UUID(bytes=sealed.id) if event is None else event
        return open_groups(sealed, *found, prefix, str(event))


def seal(
    groups: Sequence[bytes],
    recipients: Sequence[tuple[Recipient, Sequence[bool]]],
    *,
    event: UUID = EVENT,
    now: int = NOW,
    sealer: Sealer | None = None,
) -> SealedEvent:
    sealer = Sealer(DEPLOYMENT, CONTRACT, SOURCE) if sealer is None else sealer
    recipients_of = [(one.key, tuple(mask)) for one, mask in recipients]
    value = sealer.seal(sealing_input(str(event), now, groups, recipients_of))
    return parse_value(value)


def refused(
    reader: Recipient,
    sealed: SealedEvent,
    step: int,
    code: str,
    *,
    prefix: bytes = PREFIX,
    event: UUID | None = None,
) -> None:
    """``reader`` does not open ``sealed``, at this step of docs/spec/envelope.md."""
    with pytest.raises(OpeningError) as caught:
        reader.open(sealed, prefix=prefix, event=event)
    assert (caught.value.step, caught.value.code) == (step, code)
