"""The entry of an agency: what makes one, and that every wrong one is refused."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import EntryError
from broker.keys.instant import CLOCK_SKEW_MS
from broker.keys.signed_document import document_text
from broker.operations.agency_founding import Founded
from broker.partnership.entry import (
    ENTRY_LIMIT_BYTES,
    HEADER,
    Entry,
    VerifiedEntry,
    make_entry,
    verify_entry,
)
from broker.partnership.profile import Profile
from broker.tlog.note import format_note, sign_note
from broker.transport.certificates import certificate_request, new_private_key
from contracts.durations import DAY_MS, SECOND_MS
from tests.support.founding import NOW, cheap_scrypt, found, profile


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Founded:
    with cheap_scrypt():
        return found(tmp_path_factory.mktemp("entry") / "a", deployment="pan-london")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Founded:
    with cheap_scrypt():
        return found(
            tmp_path_factory.mktemp("entry") / "b", "cps-london", "prosecution",
            deployment="pan-london",
        )  # fmt: skip


def again(founded: Founded, entry: Entry) -> bytes:
    """The entry signed by the agency's own keys, whatever it says."""
    signer = founded.governance
    assert signer is not None
    text = document_text(HEADER, entry.deployment, entry)
    return format_note(sign_note(text, signer.note_signers()))


def refused(raw: bytes, now: int = NOW, deployment: str | None = None) -> str:
    with pytest.raises(EntryError) as error:
        verify_entry(raw, now=now, deployment=deployment, where="a.entry")
    assert error.value.where == "a.entry"
    assert error.value.fix
    return error.value.code


def test_an_entry_says_who_and_proves_every_key(founded: Founded) -> None:
    entry = verify_entry(founded.entry.raw, now=NOW, deployment="pan-london")
    assert entry == founded.entry
    assert entry.agency == "csu-camden"
    assert entry.entry.profile == profile()
    assert entry.delegation.delegation.expires - NOW == 400 * DAY_MS
    assert len(entry.raw) < ENTRY_LIMIT_BYTES


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_every_altered_bit_is_refused(founded: Founded, data: st.DataObject) -> None:
    raw = bytearray(founded.entry.raw)
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    refused(bytes(raw))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_by_a_code(raw: bytes) -> None:
    assert refused(raw) == "entry_malformed"


def test_a_part_of_an_entry_and_more_than_one_are_refused(founded: Founded) -> None:
    raw = founded.entry.raw
    assert refused(raw[: len(raw) // 2]) == "entry_malformed"
    assert refused(raw + raw) == "entry_malformed"
    assert refused(raw + b" " * ENTRY_LIMIT_BYTES) == "entry_too_large"
    assert refused(founded.entry.manifest.raw) == "entry_malformed"


def test_an_entry_of_another_deployment_is_refused(founded: Founded) -> None:
    assert refused(founded.entry.raw, deployment="marac-kent") == "entry_foreign"


def test_an_entry_of_an_agency_that_has_signed_nothing_is_taken(tmp_path: Path) -> None:
    with cheap_scrypt():
        entry = found(tmp_path / "a").entry
    assert verify_entry(entry.raw, now=NOW, deployment="marac-kent").agency == "csu-camden"


def test_the_delegation_ends(founded: Founded) -> None:
    assert verify_entry(founded.entry.raw, now=NOW + 399 * DAY_MS)
    assert refused(founded.entry.raw, now=NOW + 400 * DAY_MS) == "delegation_expired"


def test_an_entry_of_tomorrow_is_refused(founded: Founded) -> None:
    assert refused(founded.entry.raw, now=NOW - DAY_MS) == "entry_early"


def test_a_certificate_request_for_another_id_is_refused(founded: Founded) -> None:
    request = certificate_request(new_private_key(), "cps-london").decode()
    entry = founded.entry.entry.model_copy(update={"certificate_request": request})
    assert refused(again(founded, entry)) == "certificate_request_invalid"


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN CERTIFICATE REQUEST-----\n"])
def test_text_that_is_not_a_certificate_request_is_refused(founded: Founded, text: str) -> None:
    entry = founded.entry.entry.model_copy(update={"certificate_request": text})
    assert refused(again(founded, entry)) == "certificate_request_invalid"


def test_parts_of_another_agency_are_refused(founded: Founded, other: Founded) -> None:
    for part, code in (
        ("delegation", "delegation_signature_invalid"),
        ("manifest", "manifest_delegation_differs"),
    ):
        text = getattr(other.entry.entry, part)
        entry = founded.entry.entry.model_copy(update={part: text})
        assert refused(again(founded, entry)) == code


def test_keys_of_another_agency_are_refused(founded: Founded, other: Founded) -> None:
    """Nobody enters the keys of another agency as its own, though it can copy the proofs."""
    entry = founded.entry.entry.model_copy(update={"governance": other.entry.entry.governance})
    assert refused(again(founded, entry)) == "possession_invalid"


def test_an_entry_under_another_id_is_refused(founded: Founded) -> None:
    entry = founded.entry.entry.model_copy(update={"agency": "csu-lewisham"})
    assert refused(again(founded, entry)) == "possession_invalid"


def test_an_altered_entry_without_a_new_signature_is_refused(founded: Founded) -> None:
    changed = profile(legal_name="Another body")
    entry = founded.entry.entry.model_copy(update={"profile": changed})
    text = document_text(HEADER, entry.deployment, entry)
    lines = founded.entry.raw[founded.entry.raw.rindex(b"\n\n") + 1 :]
    assert refused(text + lines) == "entry_signature_invalid"


@pytest.mark.parametrize(
    "change",
    [
        {"legal_name": "Police\u202e of Camden"},
        {"legal_name": "two\nlines"},
        {"legal_name": "x" * 201},
        {"role": "Police"},
        {"area": ["E0900000"]},
        {"area": []},
    ],
)
def test_a_profile_is_strict(founded: Founded, change: dict[str, object]) -> None:
    said = founded.entry.entry.profile.model_dump(exclude_none=True)
    loose = Profile.model_construct(**{**said, **change})
    entry = founded.entry.entry.model_copy(update={"profile": loose})
    with warnings.catch_warnings(action="ignore"):
        raw = again(founded, entry)
    assert refused(raw) == "entry_malformed"


def test_an_agency_does_not_sign_an_entry_that_others_refuse(founded: Founded) -> None:
    whole: VerifiedEntry = founded.entry
    assert founded.governance is not None
    with pytest.raises(EntryError) as error:
        make_entry(
            replace(founded.governance, agency="csu-lewisham"),
            whole.entry.profile,
            manifest=whole.manifest,
            certificate_request=whole.entry.certificate_request.encode(),
            now=NOW,
        )
    assert error.value.code == "entry_mixed"


def test_an_entry_made_again_within_a_second_is_newer(founded: Founded) -> None:
    whole = founded.entry
    assert founded.governance is not None

    def issued(after: int | None) -> int:
        assert founded.governance is not None
        return make_entry(
            founded.governance,
            whole.entry.profile,
            manifest=whole.manifest,
            certificate_request=whole.entry.certificate_request.encode(),
            now=NOW,
            after=after,
        ).entry.issued

    second = issued(None)
    assert issued(second) == second + SECOND_MS
    assert issued(second - SECOND_MS) == second
    # A time that others refuse as too early is not continued.
    assert issued(second + CLOCK_SKEW_MS) == second
