"""A participant's keys by their short ids, a newer manifest of it, and the code of a refusal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from broker.agency.participant import Participant
from broker.errors import ManifestError
from broker.keys.issuing import ManifestChanges, issue_manifest
from broker.keys.manifest import VerifiedManifest
from broker.tlog.note import COSIGNATURE_ED25519, key_id
from contracts.errors import ConcordantError

Load = Callable[..., Participant]
ME = "csu-camden"


def code_of(act: Callable[[], object], kind: type[ConcordantError] = ManifestError) -> str:
    with pytest.raises(kind) as caught:
        act()
    return caught.value.code


def short(participant: Participant, role: str, now: int, agency: str = ME) -> bytes:
    newest = participant.manifests.current(agency, now)
    return key_id(
        f"pan-london/{agency}", COSIGNATURE_ED25519, newest.keys_of(role, "ed25519")[0].public
    )


def short_of(participant: Participant, kid: bytes) -> bytes:
    """The key id in signature lines of a key that was ever listed."""
    for version in participant.manifests.history(ME):
        for key in version.manifest.keys:
            if key.kid == kid:
                return key_id(f"pan-london/{ME}", COSIGNATURE_ED25519, key.public)
    raise AssertionError("never listed")


def newer(participant: Participant, now: int, **changes: object) -> VerifiedManifest:
    previous = participant.manifest(now)
    return issue_manifest(
        previous,
        ManifestChanges(**changes),
        participant.manifest_signer(),
        now,  # type: ignore[arg-type]  # a test's shorthand
    )
