"""Adoption of a manifest of this agency that another folder of it made.

After a restore, or where the folder was copied, the adapter meets a manifest of its own agency that
is not in its list, and issues nothing. If a person knows that this agency made it, they say so.
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
                fix=f"See which ones do: concordant status --agency {agency}",
            )
        for one in named:
            note_made(agency, one, ())
    return tuple(one.manifest.version for one in foreign if one not in named)
