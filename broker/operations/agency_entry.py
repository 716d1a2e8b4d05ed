"""First manifest and entry of an agency, of keys that are made where they are missing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from broker.agency.config import load_config
from broker.errors import ConfigError
from broker.keys.delegation import VerifiedDelegation, issue_delegation
from broker.keys.durable import write_named
from broker.keys.governance import GovernanceSigner
from broker.keys.instant import whole_second
from broker.keys.issuing import (
    OPERATIONAL_KEYS,
    PUBLISHED_AHEAD_MS,
    first_manifest,
    listed_key,
    manifest_signer,
)
from broker.keys.keyfile import KeyEntry
from broker.keys.keyring import Keyring
from broker.keys.kid import (
    ED25519,
    HMAC,
    LONGEST_LIFE_MS,
    MANIFEST,
    ML_DSA_65,
    SECRET,
)
from broker.keys.manifest import VerifiedManifest
from broker.partnership.entry import (
    ENTRY_LIMIT_BYTES,
    PairEntry,
    VerifiedEntry,
    make_entry,
    parse_entry,
    verify_entry,
)
from broker.partnership.profile import Profile

ENTRIES_FOLDER: Final = "entries"
KEYS_FOLDER: Final = "keys"
TLS_FOLDER: Final = "tls"
REQUEST_NAME: Final = "request.pem"


def make_operational_keys(ring: Keyring, now: int) -> list[str]:
    """Make the operational keys that are missing or end soon.

    Args:
        ring: the operational keys.
        now: milliseconds since the epoch.

    Returns:
        Names of the keys that were made.

    Raises:
        KeyAccessError: the passphrase is another one, or the folder cannot be written.
    """
    wanted: list[tuple[str, str, int | None]] = [(SECRET, HMAC, None)]
    wanted += [(MANIFEST, algorithm, None) for algorithm in (ED25519, ML_DSA_65)]
    wanted += [(role, algorithm, LONGEST_LIFE_MS[role]) for role, algorithm in OPERATIONAL_KEYS]
    made = [newest_key(ring, role, algorithm, life, now)[1] for role, algorithm, life in wanted]
    return [f"{KEYS_FOLDER}/{name}" for name in made if name]


def newest_key(
    ring: Keyring, role: str, algorithm: str, life: int | None, now: int
) -> tuple[KeyEntry, str]:
    """The newest key of a kind that does not end soon, made if there is none, and what was made."""
    held = [
        entry
        for entry in ring.entries()
        if (entry.role, entry.algorithm) == (role, algorithm)
        and (entry.not_after is None or entry.not_after - now > PUBLISHED_AHEAD_MS)
    ]
    if held:
        return held[-1], ""
    start = whole_second(now)
    end = None if life is None else start + life
    entry = ring.create(role, algorithm, not_before=start, not_after=end)
    return entry, f"{role} ({algorithm})"


def manifest_of(
    profile: Profile, ring: Keyring, governance: GovernanceSigner, now: int
) -> VerifiedManifest:
    """Return the first delegation and manifest, with the newest manifest and operational keys.

    Args:
        profile: holds the contacts that others need.
        ring: the manifest keys and the operational keys.
        governance: signs the delegation.
        now: milliseconds since the epoch.

    Raises:
        KeyAccessError: a key is missing.
    """
    newest = {(entry.role, entry.algorithm): entry for entry in ring.entries()}
    halves = [ring.signer(newest[MANIFEST, algorithm].kid) for algorithm in (ED25519, ML_DSA_65)]
    delegation = issue_delegation(governance, (halves[0], halves[1]), now)
    return manifest_under(profile, ring, delegation, now)


def manifest_under(
    profile: Profile, ring: Keyring, delegation: VerifiedDelegation, now: int
) -> VerifiedManifest:
    """Return the first manifest under a delegation, with the newest operational keys.

    Args:
        profile: holds the contacts that others need.
        ring: the manifest keys of the delegation, and the operational keys.
        delegation: signed by the governance keys.
        now: milliseconds since the epoch.

    Raises:
        KeyAccessError: a key is missing.
    """
    content = delegation.delegation
    newest = {(entry.role, entry.algorithm): entry for entry in ring.entries()}
    keys = tuple(
        listed_key(newest[kind], ring, deployment=content.deployment, agency=content.agency)
        for kind in OPERATIONAL_KEYS
    )
    contacts = {
        name.replace("_", "-"): contact["email"]
        for name, contact in profile.contacts.model_dump(exclude_none=True).items()
    }
    signer = manifest_signer(delegation, ring)
    return first_manifest(contacts=contacts, keys=keys, signer=signer, now=now)


def entry_of(
    directory: Path,
    profile: Profile,
    governance: GovernanceSigner,
    manifest: VerifiedManifest,
    now: int,
    officers: Mapping[str, PairEntry] | None = None,
) -> VerifiedEntry:
    """Return the entry of an agency whose keys and manifest exist.

    Args:
        directory: the agency's folder, with its certificate request.
        profile: profile of the agency.
        governance: signs the entry.
        manifest: the delegation and the manifest in the entry.
        now: milliseconds since the epoch.
        officers: the pairs of all officers, of which the signer is one; none without officers.

    Raises:
        KeyAccessError: a key is missing.
    """
    path = directory / ENTRIES_FOLDER / f"{governance.agency}.entry"
    return make_entry(
        governance,
        profile,
        manifest=manifest,
        certificate_request=(directory / TLS_FOLDER / REQUEST_NAME).read_bytes(),
        now=now,
        after=parse_entry(path.read_bytes(), str(path)).issued if path.is_file() else None,
        officers=officers or None,
    )


def own_entry(directory: Path, agency: str, now: int) -> VerifiedEntry:
    """Return the agency's own entry, verified again.

    Raises:
        EntryError: it does not verify.
        ConfigError: `entry_missing`.
    """
    path = directory / ENTRIES_FOLDER / f"{agency}.entry"
    try:
        with path.open("rb") as file:
            raw = file.read(ENTRY_LIMIT_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(
            "This agency has no entry yet.",
            code="entry_missing",
            where=str(path),
            fix=f"Finish the agency: concordant agency init {directory}",
        ) from None
    return verify_entry(raw, now=now, where=str(path))


def write_entry(directory: Path, out: Path, now: int) -> VerifiedEntry:
    """Write a copy of the agency's own entry for others, after every check.

    Args:
        directory: the agency's folder.
        out: the file.
        now: milliseconds since the epoch.

    Raises:
        ConfigError: `config_missing`, `entry_missing` or `output_unwritable`.
        EntryError: the entry does not verify, for example because its delegation has expired.
    """
    entry = own_entry(directory, load_config(directory).agency, now)
    write_named(out, entry.raw, "entry")
    return entry
