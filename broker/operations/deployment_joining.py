"""First deployment of an agency: its first signature names its partnership.

An agency that was made without a deployment has keys, a manifest and an entry for `unassigned`.
Before its first signature takes effect, it issues manifest, delegation and entry under the name of
the agreement's deployment, with the same keys. No other agency has used the former ones.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from broker.agency.config import CONFIG_NAME, governance_kids, load_config
from broker.agency.made_manifests import note_made
from broker.agency.participant import Participant, load_participant
from broker.errors import ConfigError
from broker.keys.durable import files_in, write_durably
from broker.keys.governance import governance_signer
from broker.keys.keyfile import UNASSIGNED
from broker.operations.agency_entry import (
    ENTRIES_FOLDER,
    entry_of,
    make_operational_keys,
    manifest_of,
)
from broker.partnership.entry import parse_entry
from broker.registry.repository import MANIFESTS_FOLDER, manifest_name

_LINE: Final = re.compile(rf'^deployment = "{UNASSIGNED}"$', re.MULTILINE)


def join_deployment(participant: Participant, deployment: str, now: int) -> Participant:
    """Issue manifest, delegation and entry for a deployment, then name it in `agency.toml`.

    Args:
        participant: the agency; nothing changes if it has a deployment.
        deployment: the agreement's.
        now: milliseconds since the epoch.

    Returns:
        The agency, loaded again.

    Raises:
        KeyAccessError: the governance keys are not here.
        ConfigError: `agency.toml` cannot be changed.
    """
    if participant.deployment != UNASSIGNED:
        return participant
    root = participant.root
    participant.governance_signer()  # refuses before anything is written if the keys are offline
    text = _assigned(root, deployment)
    governance = governance_signer(
        participant.governance_source(),
        governance_kids(participant.config),
        deployment=deployment,
        agency=participant.agency,
    )
    held = root / ENTRIES_FOLDER / f"{participant.agency}.entry"
    profile = parse_entry(held.read_bytes(), str(held)).profile
    make_operational_keys(participant.keyring, now)
    manifest = manifest_of(profile, participant.keyring, governance, now)
    entry = entry_of(root, profile, governance, manifest, now)
    note_made(root, manifest, ())
    for former in files_in(root / MANIFESTS_FOLDER, f"{participant.agency}.*.note"):
        former.unlink()  # of no deployment; no other agency has used it
    write_durably(root / MANIFESTS_FOLDER / manifest_name(manifest), manifest.raw)
    write_durably(root / ENTRIES_FOLDER / f"{participant.agency}.entry", entry.raw)
    write_durably(root / CONFIG_NAME, text.encode())
    return load_participant(root, now, unsigned_ok=True)


def _assigned(root: Path, deployment: str) -> str:
    load_config(root)
    text = (root / CONFIG_NAME).read_text("utf-8")
    changed, count = _LINE.subn(f'deployment = "{deployment}"', text)
    if count != 1:
        raise ConfigError(
            "The deployment cannot be set: its line was changed.",
            code="config_invalid",
            where=f"{root / CONFIG_NAME}: deployment",
            fix=f'Write deployment = "{UNASSIGNED}" on a line of its own.',
        )
    return changed
