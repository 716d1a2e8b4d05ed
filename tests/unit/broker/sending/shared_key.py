"""A manifest that lists another agency's public exchange key, signed by its own governance keys."""

from __future__ import annotations

from broker.keys.governance import GovernancePublic
from broker.keys.kid import EXCHANGE
from broker.keys.manifest import manifest_text, parse_manifest, verify_manifest
from broker.registry.manifests import ManifestBook
from broker.tlog.note import format_note, sign_note
from tests.support.founded_partnership import COUNCIL, NOW, SUPPORT, FoundedPartnership


def shared_key_manifests(
    world: FoundedPartnership, liar: str = SUPPORT, owner: str = COUNCIL
) -> ManifestBook:
    """The manifests of all, where ``liar`` lists the current exchange key of ``owner`` only."""
    newest, theirs = world.manifests.newest(liar), world.manifests.newest(owner)
    assert newest is not None
    assert theirs is not None
    keys = [key for key in newest.keys if key.role != EXCHANGE]
    keys += [key for key in theirs.keys if key.role == EXCHANGE]
    changed = newest.model_copy(update={"version": newest.version + 1, "keys": tuple(keys)})
    governance = world.governance[liar]
    raw = format_note(sign_note(manifest_text(changed), governance.note_signers()))
    public: GovernancePublic = governance.public
    verified = verify_manifest(parse_manifest(raw), [public], deployment=world.deployment, now=NOW)
    return world.manifests.adding(verified)
