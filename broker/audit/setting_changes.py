"""Changes of the agency's settings as entries of the disclosure log (docs/spec/disclosure-log.md).

The last recorded settings are stored as digests, under a random salt of this database. So neither
the log nor the database holds a value, and a copy of the log does not allow one to be guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from broker.agency.config import AgencyConfig, load_config
from broker.agency.config_sections import Section
from broker.agency.participant import Participant
from broker.audit.actor import Actor
from broker.audit.entries import NewLogEntry
from broker.audit.log import append_entries
from broker.envelope.primitives import lp, random_bytes, sha256
from broker.errors import ConfigError
from broker.store.transaction import Transaction

_RECORDED: Final = "settings.recorded"
_LABEL: Final = b"concordant/1/settings"
_SALT_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class RecordedSettings:
    """Digests of the settings that were last recorded.

    Attributes:
        salt: 32 random bytes of this database.
        settings: digest of the value of each setting that differs from its default, by name.
    """

    salt: bytes
    settings: Mapping[str, bytes]

    @property
    def digest(self) -> bytes:
        """Return the digest of all of them, 32 bytes."""
        pairs = (part for name in sorted(self.settings) for part in (name, self.settings[name]))
        return sha256(lp(_LABEL, self.salt, *(_raw(part) for part in pairs)))

    def to_bytes(self) -> bytes:
        """Return the form in which they are stored."""
        digests = {name: digest.hex() for name, digest in sorted(self.settings.items())}
        return orjson.dumps({"salt": self.salt.hex(), "settings": digests})

    @classmethod
    def from_bytes(cls, stored: bytes) -> RecordedSettings:
        """Parse the stored form."""
        found = orjson.loads(stored)
        digests = {name: bytes.fromhex(digest) for name, digest in found["settings"].items()}
        return cls(bytes.fromhex(found["salt"]), digests)


def record_settings(tx: Transaction, participant: Participant, actor: Actor, now: int) -> bool:
    """Append an entry if the settings of `agency.toml` differ from those last recorded.

    The file is read again, because a process that runs for long holds settings of its start. A
    file that is not usable now is compared at the next action.

    Args:
        tx: a write transaction.
        participant: the agency.
        actor: the person or process that runs now. It is not known who changed the file.
        now: ms.

    Returns:
        Whether there is an entry. The first settings of a database give none.
    """
    try:
        config = load_config(participant.root)
    except ConfigError:
        return False
    stored = tx.meta.get(_RECORDED)
    before = None if stored is None else RecordedSettings.from_bytes(stored)
    salt = random_bytes(_SALT_BYTES) if before is None else before.salt
    after = RecordedSettings(salt, digests_of(config, salt))
    if before == after:
        return False
    tx.meta.set(_RECORDED, after.to_bytes())
    if before is None:
        return False
    entry = NewLogEntry(
        kind="setting",
        time_ms=now,
        operator=actor.operator,
        acting_for=actor.acting_for,
        settings=changed_settings(before, after),
        settings_before=before.digest,
        settings_after=after.digest,
    )
    append_entries(tx, [entry])
    return True


def changed_settings(before: RecordedSettings, after: RecordedSettings) -> tuple[str, ...]:
    """Return the names of the settings whose values differ, sorted."""
    names = before.settings.keys() | after.settings.keys()
    return tuple(
        sorted(name for name in names if before.settings.get(name) != after.settings.get(name))
    )


def digests_of(config: AgencyConfig, salt: bytes) -> dict[str, bytes]:
    """Return the digest of each setting that differs from its default, by name.

    A name is that of the section and of the setting, such as `retention.inbox_days`. The keys of a
    table that the agency fills, such as `partners`, are a part of its value.
    """
    return {name: sha256(lp(_LABEL, salt, name.encode(), value)) for name, value in _values(config)}


def _values(section: Section, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    written = section.model_dump(mode="json", by_alias=True)
    for attribute, described in type(section).model_fields.items():
        value = getattr(section, attribute)
        key = described.alias or attribute
        if isinstance(value, Section):
            yield from _values(value, f"{prefix}{key}.")
        elif value != described.get_default(call_default_factory=True):
            yield f"{prefix}{key}", orjson.dumps(written[key], option=orjson.OPT_SORT_KEYS)


def _raw(part: str | bytes) -> bytes:
    return part.encode() if isinstance(part, str) else part
