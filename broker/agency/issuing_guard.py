"""Guard of the issue of this agency's manifests: against races, and against foreign manifests.

The adapter and commands issue manifests from the same folder. If two of them make a manifest at the
same time (race), both manifests follow the same earlier one. The second then lacks the statements
of the first, for example a suspension. So an issuer holds a lock file of the agency, and checks
that it has loaded the newest manifest.

If there is a manifest of this agency that this folder did not make, a thief has the manifest keys,
or a copy of this folder is in use. A new manifest would repeat the keys of that manifest. So the
adapter issues none until a person decides (`concordant keys adopt` or `concordant keys delegate
--withdraw`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from broker.agency.made_manifests import made_hashes
from broker.agency.participant import Participant
from broker.errors import RegistryError, StoreError
from broker.keys.manifest import VerifiedManifest
from broker.registry.manifests import ManifestBook
from broker.store.exclusion import exclusive

ISSUE_LOCK: Final = "state/manifest.lock"
"""Lock file that a process holds while it issues a manifest of this agency."""
LOCK_WAIT_S: Final = 10.0
_LOCK_POLL_S: Final = 0.05


@contextmanager
def issuing(participant: Participant) -> Iterator[None]:
    """Hold the lock file while the block runs.

    Raises:
        RegistryError: `manifest_changed`: another process of this agency issues a manifest, or has
            issued one since the agency was loaded.
    """
    with _locked(participant.root):
        known = participant.manifests.newest_verified(participant.agency)
        stored = participant.repository.versions.highest_place(participant.agency)
        if known is not None and stored is not None and stored > known.place:
            raise _changed(participant.root)
        yield


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    until = time.monotonic() + LOCK_WAIT_S
    while True:
        lock = exclusive(root / ISSUE_LOCK)
        try:
            lock.__enter__()
        except StoreError as error:
            if error.code != "already_running":
                raise
            if time.monotonic() >= until:
                raise _changed(root) from None
            time.sleep(_LOCK_POLL_S)
            continue
        break
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


def _changed(root: Path) -> RegistryError:
    return RegistryError(
        "Another process of this agency makes a manifest now, or has just made one.",
        code="manifest_changed",
        where=str(root / ISSUE_LOCK),
        fix="Nothing was made. Wait until the other process has ended, then run the command again.",
    )


def foreign_manifests(
    root: Path, agency: str, manifests: ManifestBook
) -> tuple[VerifiedManifest, ...]:
    """Return this agency's manifests that this folder did not make, and that are not void.

    Args:
        root: the agency's folder, with the list of the manifests that it made.
        agency: its id.
        manifests: all known manifests.

    Raises:
        RegistryError: the list is damaged.
    """
    made = made_hashes(root)
    if made is None:  # a folder of an earlier version of the software has no list yet
        return ()
    return tuple(one for one in manifests.history(agency) if one.hash not in made)


def require_own(participant: Participant) -> None:
    """Check that this folder made all manifests of this agency.

    Raises:
        RegistryError: `manifest_not_ours`.
    """
    root, agency = participant.root, participant.agency
    for one in foreign_manifests(root, agency, participant.manifests):
        version = one.manifest.version
        raise RegistryError(
            f"This folder did not make the manifest of this agency, version {version}.",
            code="manifest_not_ours",
            where=str(root / "manifests"),
            fix="If this agency made it before a restore, or in a copy of the folder: concordant "
            f"keys adopt {version} --agency {root}. Otherwise an attacker has the manifest keys: "
            "copy the governance keys into governance/, then: concordant keys delegate --withdraw "
            f"--agency {root}",
        )
