"""A manifest that lists another agency's public exchange key, signed by its own manifest keys."""

from __future__ import annotations

from broker.keys.issuing import sign_manifest
from broker.keys.kid import EXCHANGE
from broker.registry.manifests import ManifestBook
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
    return world.manifests.adding(sign_manifest(changed, world.manifest_signers[liar], NOW))
