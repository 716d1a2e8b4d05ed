"""Revocation of keys that may be compromised, and their successors.

docs/spec/keys.md, "Revocation". One manifest version revokes and lists the successors, so that the
agency can continue at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from broker.agency.config import governance_kids
from broker.agency.own_manifest import StatementError, revoke_keys
from broker.agency.participant import Participant, load_participant
from broker.keys.manifest import ManifestKey
from broker.keys.signed_document import Line
from broker.operations.key_inventory import RenewedManifest, newest_manifest, renewed

_HEX: Final = re.compile(r"[0-9a-f]{1,64}")
_REASON: Final = TypeAdapter[str](Line)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Revoked:
    """A revocation.

    Attributes:
        keys: the revoked keys.
        since: earliest time of the compromise, milliseconds.
        renewed: the manifest that states it, with the successors.
    """

    keys: tuple[ManifestKey, ...]
    since: int
    renewed: RenewedManifest


def revoked_keys(
    agency: Path, named: Sequence[str], everything: bool, since: int, reason: str, now: int
) -> Revoked:
    """Revoke keys of an agency.

    Args:
        agency: the agency's folder.
        named: beginnings of key ids in hexadecimal.
        everything: every key that the newest manifest lists, instead of ``named``.
        since: earliest time at which they may have been compromised, milliseconds.
        reason: for the other parties; never anything about a person.
        now: milliseconds since the epoch.

    Raises:
        ValueError: a manifest cannot hold this reason.
        KeyAccessError: the manifest keys are not here (``key_missing``) or cannot be opened.
        StatementError: as ``broker.agency.own_manifest.revoke_keys``; ``key_ambiguous``, or
            ``key_governance`` for a key that no manifest can revoke.
        RegistryError: as there.
        ConcordantError: the agency's folder cannot be loaded.
    """
    require_reason(reason)
    participant = load_participant(agency, now, unsigned_ok=True)
    before = newest_manifest(participant)
    known = _listed(participant)
    if everything:
        kids = tuple(
            key.kid
            for key in before.keys
            if participant.manifests.revoked_since(participant.agency, key.kid) is None
        )
    else:
        kids = named_kids(participant, named)
    if not kids:
        raise StatementError(
            "Every key that the manifest lists is revoked already.",
            code="key_revoked_before",
            fix=f"See: concordant keys list --agency {participant.root}",
        )
    participant.manifest_signer()  # refuses before anything is made
    issued = revoke_keys(participant, kids, since, reason, now)
    renewed_ = renewed(participant, issued, {key.kid for key in before.keys})
    return Revoked(tuple(known[kid] for kid in kids), since, renewed_)


def named_kids(participant: Participant, named: Sequence[str]) -> tuple[bytes, ...]:
    """Return the ids of keys of the agency by their beginnings, each once.

    Raises:
        StatementError: ``key_not_listed``, ``key_ambiguous`` or ``key_governance``.
    """
    known = _listed(participant)
    return tuple(dict.fromkeys(_found(participant, known, prefix) for prefix in named))


def parse_since(text: str) -> int:
    """Parse an RFC 3339 time to milliseconds since the epoch; seconds may be left out.

    Raises:
        ValueError: it is not one, names no time zone, or is before the epoch.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    if at < _EPOCH:
        raise ValueError("a time before the epoch")
    return (at - _EPOCH) // timedelta(milliseconds=1)


def require_reason(reason: str) -> None:
    """Refuse a reason that a manifest cannot hold.

    Raises:
        ValueError: it is not one line of 1 to 256 characters, or has control characters.
    """
    _REASON.validate_python(reason)  # a ValidationError is a ValueError


def _listed(participant: Participant) -> dict[bytes, ManifestKey]:
    """Return every key that this agency ever listed, in its last form."""
    return {
        key.kid: key
        for version in participant.manifests.history(participant.agency)
        for key in version.manifest.keys
    }


def _found(participant: Participant, known: dict[bytes, ManifestKey], prefix: str) -> bytes:
    prefix = prefix.lower()
    if _HEX.fullmatch(prefix) is None:
        raise StatementError(
            "A key id is written in hexadecimal.",
            code="key_not_listed",
            fix=f"See: concordant keys list --agency {participant.root}",
        )
    if any(kid.hex().startswith(prefix) for kid in governance_kids(participant.config)):
        raise StatementError(
            "A manifest cannot revoke a governance key.",
            code="key_governance",
            fix="Telephone every party: each leaves the version of the contract that pins it, and "
            "a new version of the contract names this agency under a new id, with new keys "
            "(docs/guides/when-a-key-is-lost.md).",
        )
    fitting = [kid for kid in known if kid.hex().startswith(prefix)]
    if not fitting:
        raise StatementError(
            f"None of this agency's manifests lists a key that begins with {prefix[:16]}.",
            code="key_not_listed",
            fix=f"See: concordant keys list --agency {participant.root}",
        )
    if len(fitting) > 1:
        raise StatementError(
            f"{len(fitting)} keys of this agency begin with {prefix[:16]}.",
            code="key_ambiguous",
            fix=f"Give more of the key's id. See: concordant keys list --agency {participant.root}",
        )
    return fitting[0]
