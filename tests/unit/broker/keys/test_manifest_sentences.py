"""Refused manifests, one for each rule of their form, and the last values that pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from broker.errors import ManifestError
from broker.keys.governance import GovernanceSigner
from broker.keys.manifest import (
    HEADER,
    KEYS_LIMIT,
    MANIFEST_LIMIT_BYTES,
    Manifest,
    ManifestKey,
    StatedRevocation,
    VerifiedManifest,
    manifest_text,
    parse_manifest,
    split_manifest,
    verify_manifest,
    verify_successor,
)
from broker.tlog.note import SignatureLine, format_note, parse_note
from contracts.durations import DAY_MS, MINUTE_MS

MakeManifest = Callable[..., Manifest]
Listed = Callable[..., ManifestKey]
Sign = Callable[..., bytes]
Govern = Callable[..., GovernanceSigner]


def said(act: Callable[[], object]) -> tuple[str, str | None]:
    """Return code and place. A refusal also has a sentence."""
    with pytest.raises(ManifestError) as caught:
        act()
    error = caught.value
    assert error.detail
    return error.code, error.where


# --- form ----------------------------------------------------------------------------------------


@pytest.fixture
def note_of(signed_note: Sign) -> Sign:
    return signed_note


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(HEADER.encode(), b"concordant.contract/v1", id="a note of another kind"),
        pytest.param(b"\n{", b"\n\n{", id="four lines"),
        pytest.param(b"/v1\ntest", b"/v1\nrest", id="another deployment in the header"),
        pytest.param(b'"version":1', b'"version": 1', id="a space in the JSON"),
        pytest.param(b'"version":1', b'"version":', id="not JSON"),
        pytest.param(b'"version":1', b'"version":0', id="version 0"),
        pytest.param(b'"algorithm":"ed25519"', b'"algorithm":"rsa"', id="unknown algorithm"),
    ],
)
def test_each_malformed_manifest_is_refused_with_its_place(
    manifest: MakeManifest,
    note_of: Callable[[bytes], bytes],
    old: bytes,
    new: bytes,
) -> None:
    text = manifest_text(manifest())
    assert old in text
    raw = note_of(text.replace(old, new, 1))
    assert said(lambda: parse_manifest(raw, "a file")) == ("manifest_malformed", "a file")


def test_bytes_that_are_no_note_are_refused_with_their_place() -> None:
    assert said(lambda: parse_manifest(b"text\n", "a file")) == ("manifest_malformed", "a file")


def test_a_refusal_repeats_nothing_that_was_read(
    manifest: MakeManifest, note_of: Callable[[bytes], bytes]
) -> None:
    text = manifest_text(manifest()).replace(b'"alpha"', b'"Zephyrine!"')
    with pytest.raises(ManifestError) as caught:
        parse_manifest(note_of(text))
    assert "ephyrine" not in str(caught.value)
    assert "http" not in str(caught.value)


def test_a_manifest_has_at_most_512_kib(manifest: MakeManifest, signed_note: Sign) -> None:
    delegation, own = split_manifest(signed_note(manifest()))
    note = parse_note(own)

    def as_long_as(size: int) -> bytes:
        """With a line of a key that nobody knows, of a length that makes up the size."""
        line = "— filler "
        room = size - len(format_note(note)) - len(line.encode()) - 1
        raw = b"kkkk" + b"s" * (room // 4 * 3 - 4)
        name = "filler" + "r" * (room % 4)
        return format_note(
            type(note)(note.text, (*note.signatures, SignatureLine(name, raw[:4], raw[4:])))
        )

    longest = as_long_as(MANIFEST_LIMIT_BYTES)
    assert len(longest) == MANIFEST_LIMIT_BYTES
    assert parse_manifest(delegation + longest).raw == delegation + longest
    too_long = as_long_as(MANIFEST_LIMIT_BYTES + 1)
    assert len(too_long) == MANIFEST_LIMIT_BYTES + 1
    assert said(lambda: parse_manifest(delegation + too_long, "a file")) == (
        "manifest_malformed",
        "a file",
    )


def test_a_manifest_lists_at_most_256_of_anything(
    manifest: MakeManifest, note_of: Callable[[bytes], bytes], now: int
) -> None:
    entry = StatedRevocation(kid=bytes(32), since=now, stated=now, reason="lost")
    most = manifest(revocations=(entry,) * KEYS_LIMIT)
    assert parse_manifest(note_of(manifest_text(most))).manifest == most
    text = manifest_text(manifest()).replace(
        b'"contacts":{"operations":"operations@alpha.example"}',
        b'"contacts":{%b}' % b",".join(b'"c%03d":"x"' % i for i in range(KEYS_LIMIT + 1)),
    )
    more = manifest_text(most).replace(b'"revocations":[', b'"revocations":[{},')
    for raw in (note_of(text), note_of(more)):
        assert said(lambda raw=raw: parse_manifest(raw, "a file")) == (
            "manifest_malformed",
            "a file",
        )


@pytest.mark.parametrize("document", [b"[]", b"1", b"{}", b'"text"'])
def test_json_that_is_no_object_with_lists_is_malformed_too(
    note_of: Callable[[bytes], bytes], document: bytes
) -> None:
    raw = note_of(HEADER.encode() + b"\ntest-deployment\n" + document + b"\n")
    assert said(lambda: parse_manifest(raw))[0] == "manifest_malformed"


# --- what a good form may not say ----------------------------------------------------------------


@pytest.fixture
def verify(signed_note: Sign, governance: Govern, now: int) -> Callable[..., VerifiedManifest]:
    def act(document: Manifest, **changes: Any) -> VerifiedManifest:
        options = {
            "governance": [governance(document.agency).public],
            "deployment": "test-deployment",
            "now": now,
            **changes,
        }
        return verify_manifest(parse_manifest(signed_note(document)), **options)

    return act


def refusal(act: Callable[[], object]) -> str:
    """Return the code of a refusal that names agency and version."""
    with pytest.raises(ManifestError) as caught:
        act()
    assert "alpha, version 1" in caught.value.detail
    return caught.value.code


def test_a_manifest_of_another_deployment_or_without_a_pinned_key_is_refused(
    manifest: MakeManifest, verify: Callable[..., VerifiedManifest], governance: Govern
) -> None:
    assert refusal(lambda: verify(manifest(), deployment="other")) == "manifest_foreign"
    assert refusal(lambda: verify(manifest(), governance=[])) == "manifest_unpinned"
    others = [governance("alpha", "another label").public]
    assert refusal(lambda: verify(manifest(), governance=others)) == "delegation_signature_invalid"


def test_a_manifest_is_for_at_least_a_second_and_from_now(
    manifest: MakeManifest, verify: Callable[..., VerifiedManifest], now: int
) -> None:
    verify(manifest(expires=now + 1))
    for life in (0, 30 * DAY_MS + 1):
        act = lambda life=life: verify(manifest(expires=now + life))  # noqa: E731 - one act
        assert refusal(act) == "manifest_dates_invalid"
    late = {"issued": now + 5 * MINUTE_MS, "expires": now + DAY_MS}
    verify(manifest(**late))
    assert said(lambda: verify(manifest(**late), now=now - 1))[0] == "manifest_early"


def test_a_refusal_names_the_file(
    manifest: MakeManifest, verify: Callable[..., VerifiedManifest]
) -> None:
    refused = said(lambda: verify(manifest(), deployment="other", where="a file"))
    assert refused == ("manifest_foreign", "a file")


def test_each_key_that_may_not_be_listed_is_refused(
    manifest: MakeManifest, listed: Listed, verify: Callable[..., VerifiedManifest], now: int
) -> None:
    receipt = listed("receipt", "ed25519")
    exchange = listed("exchange", "mlkem768-x25519")
    shortest = listed("receipt", "ed25519", life=1)
    verify(manifest(keys=(shortest,)))
    never = receipt.model_copy(update={"not_after": receipt.not_before})
    for keys, code in (
        (
            (receipt.model_copy(update={"algorithm": "ml-dsa-44"}),),
            "manifest_key_invalid",
        ),
        ((receipt.model_copy(update={"public": exchange.public[:32]}),), "manifest_key_invalid"),
        (
            (never,),
            "manifest_key_invalid",
        ),
        (
            (receipt, receipt),
            "manifest_key_shared",
        ),
        (
            (receipt.model_copy(update={"possession": None}),),
            "possession_invalid",
        ),
        (
            (receipt.model_copy(update={"possession": bytes(64)}),),
            "possession_invalid",
        ),
        (
            (listed("stream", "ed25519"), listed("stream", "ed25519", label="second")),
            "manifest_keys_overlap",
        ),
    ):
        assert refusal(lambda keys=keys: verify(manifest(keys=keys))) == code


# --- order of versions ---------------------------------------------------------------------------


def test_the_same_manifest_again_is_a_rollback_and_its_twin_a_conflict(
    manifest: MakeManifest, listed: Listed, verify: Callable[..., VerifiedManifest], now: int
) -> None:
    second = verify(manifest(version=2))
    assert said(lambda: verify_successor(second, second)) == ("manifest_rollback", None)
    twin = verify(manifest(version=2, contacts={"other": "x"}))
    assert said(lambda: verify_successor(second, twin)) == ("manifest_conflict", None)
    longer = verify(manifest(version=1, keys=(listed("receipt", "ed25519", life=DAY_MS),)))
    after = verify(manifest(version=2, keys=(listed("receipt", "ed25519", life=DAY_MS + 1),)))
    assert said(lambda: verify_successor(longer, after))[0] == "manifest_key_prolonged"


def test_a_key_is_valid_from_its_start_to_just_before_its_end(listed: Listed, now: int) -> None:
    key = listed("receipt", "ed25519", life=10)
    valid = [key.valid_at(now + offset) for offset in (-1, 0, 9, 10)]
    assert valid == [False, True, True, False]


def test_a_key_that_was_dropped_in_between_is_still_known(
    manifest: MakeManifest, listed: Listed, verify: Callable[..., VerifiedManifest], now: int
) -> None:
    once = listed("receipt", "ed25519", life=DAY_MS)
    without = verify(manifest(version=2, keys=()))
    again = verify(manifest(version=3, keys=(once,)))
    longer = verify(manifest(version=3, keys=(listed("receipt", "ed25519", life=DAY_MS + 1),)))
    known = {once.kid: once}
    verify_successor(without, again, known)
    verify_successor(without, longer)
    for act in (
        lambda: verify_successor(without, longer, known),
        lambda: verify_successor(verify(manifest(version=2, keys=(once,))), longer),
    ):
        assert said(act)[0] == "manifest_key_prolonged"
    # What was ever listed counts, and not what the version before says of it
    verify_successor(verify(manifest(version=2, keys=(once,))), longer, {})
