"""Adoption of a manifest that this agency made in another folder.

After a restore, or if the folder was copied, there can be a manifest of this agency that is not in
the list of this folder. The adapter then issues no manifest. A person who knows that this agency
made that manifest adds it to the list.
"""

from __future__ import annotations

from pathlib import Path

from broker.agency.issuing_guard import foreign_manifests, issuing
from broker.agency.made_manifests import note_made
from broker.agency.own_manifest import StatementError
from broker.agency.participant import load_participant


def adopt_manifest(agency: Path, version: int, now: int) -> tuple[int, ...]:
    """Add a manifest to the list of those that this agency made.

    Args:
        agency: the agency's folder.
        version: the manifest's version.
        now: milliseconds since the epoch.

    Returns:
        Versions of the manifests that this folder still does not know as its own.

    Raises:
        StatementError: `manifest_not_foreign`: no manifest of this version awaits an adoption.
        RegistryError: `registry_unwritable`, or another process issues a manifest now.
        ConcordantError: the agency's folder cannot be loaded.
    """
    participant = load_participant(agency, now, unsigned_ok=True)
    with issuing(participant):
        foreign = foreign_manifests(agency, participant.agency, participant.manifests)
        named = [one for one in foreign if one.manifest.version == version]
        if not named:
            raise StatementError(
                f"No manifest of the version {version} awaits an adoption.",
                code="manifest_not_foreign",
                fix=f"See which versions await one: concordant status --agency {agency}",
            )
        for one in named:
            note_made(agency, one, ())
    return tuple(one.manifest.version for one in foreign if one not in named)
