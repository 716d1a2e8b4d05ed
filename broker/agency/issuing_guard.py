"""Guard of every issue of this agency's own manifest: one issuer at a time, and a base of our own.

The adapter and commands issue manifests from the same folder. Two manifests that were made at once
would both follow the same one, and the later would lack what the earlier states, a suspension for
example. So an issuer holds a lock file of the agency and checks that its manifests are the newest.

A manifest of this agency that this folder did not make shows a thief of the manifest keys, or a
copy of this folder. A new manifest would repeat its keys. So the adapter issues none on top of it
until a person has decided (`concordant keys adopt` or `concordant keys delegate --withdraw`).
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
    """Hold the lock of issuing for the duration of the block.

    Raises:
        RegistryError: `manifest_changed`: another process of this agency issues one, or has issued
            one since the agency was loaded.
    """
    with _locked(participant.root):
        known = participant.manifests.newest_verified(participant.agency)
        stored = participant.repository.highest_place(participant.agency)
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
        fix="Nothing was made. Wait until it has ended, then give the command again.",
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
    if made is None:  # an older folder: its list begins with the next manifest
        return ()
    return tuple(one for one in manifests.history(agency) if one.hash not in made)


def require_own(participant: Participant) -> None:
    """Refuse to issue on top of a manifest that this folder did not make.

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
            fix="If this agency made it, in a folder before a restore or in a copy: concordant "
            f"keys adopt {version} --agency {root}. Otherwise its manifest keys are in other "
            "hands: bring the governance keys, then: concordant keys delegate --withdraw "
            f"--agency {root}",
        )
