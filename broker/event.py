"""An event after opening: what an adapter, a sink or a subscriber receives.

The only way to make one from a record is through judging (docs/spec/opening.md), so a function that
takes an ``OpenedEvent`` cannot be handed something unverified.
"""

from __future__ import annotations

from dataclasses import field
from typing import TypeAlias

from contracts.values import value_class

JSON: TypeAlias = "str | int | bool | list[JSON] | dict[str, JSON]"


def uuid_text(raw: bytes) -> str:
    """16 bytes as a UUID in text (RFC 9562); ``uuid.UUID`` does the same at ten times the cost."""
    h = raw.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


@value_class(frozen=True, slots=True)
class OpenedEvent:
    """A verified, decrypted event, restricted to what this agency may read.

    Attributes:
        id: the event's id, a UUID in text.
        type: for example ``referral.made``.
        source: agency id of the sender, taken from the proof's origin.
        time: when it was sealed, RFC 3339 UTC with milliseconds.
        to: addressed agencies, sorted.
        flat: granted leaves that were sent, by dotted path.
        withheld: sorted paths of this type that this agency does not receive under the contract.
        contract: name, version and hash (hexadecimal) of the contract that governed it.
        log_time: seconds since the epoch at which the sender's log signed it.
    """

    id: str
    type: str
    source: str
    time: str
    to: tuple[str, ...]
    flat: dict[str, JSON]
    withheld: tuple[str, ...]
    contract: tuple[str, str, str] = ("", "", "")
    log_time: int = 0
    urgent: bool = field(default=False)

    @property
    def data(self) -> dict[str, JSON]:
        """The leaves as the nested object that the event model describes."""
        nested: dict[str, JSON] = {}
        for path, value in self.flat.items():
            *parents, last = path.split(".")
            target = nested
            for parent in parents:
                target = target.setdefault(parent, {})  # type: ignore[assignment]  # parents are objects by construction
            target[last] = value
        return nested

    def as_json(self) -> dict[str, object]:
        """As the commands print it: id, type, source, time, data and withheld."""
        return {
            "id": self.id,
            "type": self.type,
            "source": self.source,
            "time": self.time,
            "data": self.data,
            "withheld": list(self.withheld),
        }
