"""Delegations: what the governance keys say about the keys that sign manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.errors import ManifestError
from broker.keys.delegation import (
    DELEGATION_LIMIT_BYTES,
    HEADER,
    Delegation,
    issue_delegation,
    parse_delegation,
    verify_delegation,
)
from broker.keys.governance import GovernanceSigner
from broker.keys.signed_document import document_text
from broker.operations.agency_founding import Founded
from broker.tlog.note import format_note, sign_note
from contracts.durations import DAY_MS
from tests.support.founding import NOW, cheap_scrypt, found


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Founded:
    folder: Path = tmp_path_factory.mktemp("delegation") / "a"
    with cheap_scrypt():
        return found(folder, deployment="pan-london")


@pytest.fixture(scope="module")
def signer(founded: Founded) -> GovernanceSigner:
    assert founded.governance is not None
    return founded.governance


def refused(signer: GovernanceSigner, delegation: Delegation, now: int = NOW) -> str:
    """The code for a delegation that the agency's own governance keys signed."""
    text = document_text(HEADER, delegation.deployment, delegation)
    raw = format_note(sign_note(text, signer.note_signers()))
    with pytest.raises(ManifestError) as error:
        verify_delegation(parse_delegation(raw), [signer.public], deployment="pan-london", now=now)
    return error.value.code


def test_a_delegation_is_for_400_days_and_two_keys(founded: Founded) -> None:
    delegation = founded.entry.delegation.delegation
    assert delegation.expires - delegation.issued == 400 * DAY_MS
    assert [key.algorithm for key in delegation.keys] == ["ed25519", "ml-dsa-65"]
    assert delegation.version == delegation.issued == NOW


def test_another_deployment_is_refused(founded: Founded, signer: GovernanceSigner) -> None:
    other = founded.entry.delegation.delegation.model_copy(update={"deployment": "marac-kent"})
    assert refused(signer, other) == "delegation_foreign"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"expires": NOW}, "delegation_dates_invalid"),
        ({"expires": NOW + 401 * DAY_MS}, "delegation_dates_invalid"),
        ({"version": NOW + 1}, "delegation_dates_invalid"),
    ],
)
def test_dates(
    founded: Founded, signer: GovernanceSigner, change: dict[str, int], code: str
) -> None:
    delegation = founded.entry.delegation.delegation.model_copy(update=change)
    assert refused(signer, delegation) == code


def test_early_and_expired(founded: Founded, signer: GovernanceSigner) -> None:
    delegation = founded.entry.delegation.delegation
    assert refused(signer, delegation, NOW - DAY_MS) == "delegation_early"
    assert refused(signer, delegation, NOW + 400 * DAY_MS) == "delegation_expired"


def test_keys(founded: Founded, signer: GovernanceSigner) -> None:
    delegation = founded.entry.delegation.delegation
    first, second = delegation.keys
    for keys in (
        (second, first),
        (first, first),
        (first.model_copy(update={"kid": second.kid}), second),
    ):
        changed = delegation.model_copy(update={"keys": keys})
        assert refused(signer, changed) == "delegation_key_invalid"
    possession = first.model_copy(update={"possession": b"\0" * 64})
    changed = delegation.model_copy(update={"keys": (possession, second)})
    assert refused(signer, changed) == "possession_invalid"


def test_a_governance_key_signs_no_manifest(signer: GovernanceSigner) -> None:
    with pytest.raises(ManifestError) as error:
        issue_delegation(signer, (signer.ed25519, signer.ml_dsa_65), NOW)
    assert error.value.code == "delegation_key_invalid"


def test_keys_of_others_sign_nothing(founded: Founded, signer: GovernanceSigner) -> None:
    raw = founded.entry.delegation.raw
    foreign = type(signer.public)(bytes(32), signer.public.ml_dsa_65)
    with pytest.raises(ManifestError) as error:
        verify_delegation(parse_delegation(raw), [foreign], deployment="pan-london", now=NOW)
    assert error.value.code == "delegation_signature_invalid"


@pytest.mark.parametrize("raw", [b"", b"x" * (DELEGATION_LIMIT_BYTES + 1), b"a\nb\n{}\n\n"])
def test_other_bytes_are_no_delegation(raw: bytes) -> None:
    with pytest.raises(ManifestError) as error:
        parse_delegation(raw)
    assert error.value.code == "delegation_malformed"
