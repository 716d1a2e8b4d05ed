"""Which rule of manifests refused: sentence, place and remedy; and the last values that pass."""

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
    Revocation,
    VerifiedManifest,
    manifest_text,
    parse_manifest,
    verify_manifest,
    verify_successor,
)
from broker.tlog.note import SignatureLine, format_note, parse_note, sign_note
from contracts.durations import DAY_MS, MINUTE_MS

MakeManifest = Callable[..., Manifest]
Listed = Callable[..., ManifestKey]
Sign = Callable[..., bytes]
Govern = Callable[..., GovernanceSigner]

RESTORE = "Restore the file, or ask the agency for its manifest."


def said(act: Callable[[], object]) -> tuple[str, str, str | None, str | None]:
    with pytest.raises(ManifestError) as caught:
        act()
    error = caught.value
    return error.code, error.detail, error.where, error.fix


# --- form ----------------------------------------------------------------------------------------


@pytest.fixture
def note_of(governance: Govern) -> Callable[[bytes], bytes]:
    def make(text: bytes) -> bytes:
        return format_note(sign_note(text, governance().note_signers()))

    return make


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (HEADER.encode(), b"concordant.contract/v1", "it is a note of another kind"),
        (b"\n{", b"\n\n{", "its text is not three lines"),
        (b"/v1\ntest", b"/v1\nrest", "its text is not the one way to write it"),
        (b'"version":1', b'"version": 1', "not the canonical text"),
        (b'"version":1', b'"version":', "not JSON"),
        (
            b'"version":1',
            b'"version":0',
            "the field version: input should be greater than or equal to 1",
        ),
        (
            b'"algorithm":"ed25519"',
            b'"algorithm":"rsa"',
            "the field keys.0.algorithm: "
            "input should be 'ed25519', 'ml-dsa-44' or 'mlkem768-x25519'",
        ),
    ],
)
def test_a_text_that_is_no_manifest_says_which_rule_it_breaks(
    manifest: MakeManifest,
    note_of: Callable[[bytes], bytes],
    old: bytes,
    new: bytes,
    rule: str,
) -> None:
    text = manifest_text(manifest())
    assert old in text
    raw = note_of(text.replace(old, new, 1))
    assert said(lambda: parse_manifest(raw, "a file")) == (
        "manifest_malformed",
        f"Not a manifest: {rule}.",
        "a file",
        RESTORE,
    )


def test_bytes_that_are_no_note_are_refused_with_their_place() -> None:
    code, _, where, _ = said(lambda: parse_manifest(b"text\n", "a file"))
    assert (code, where) == ("manifest_malformed", "a file")


def test_a_refusal_repeats_nothing_that_was_read(
    manifest: MakeManifest, note_of: Callable[[bytes], bytes]
) -> None:
    text = manifest_text(manifest()).replace(b'"alpha"', b'"Zephyrine!"')
    detail = said(lambda: parse_manifest(note_of(text)))[1]
    assert "ephyrine" not in detail
    assert "http" not in detail


def test_a_manifest_has_at_most_512_kib(manifest: MakeManifest, signed_note: Sign) -> None:
    note = parse_note(signed_note(manifest()))

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
    assert parse_manifest(longest).raw == longest
    too_long = as_long_as(MANIFEST_LIMIT_BYTES + 1)
    assert len(too_long) == MANIFEST_LIMIT_BYTES + 1
    assert said(lambda: parse_manifest(too_long, "a file")) == (
        "manifest_malformed",
        "Not a manifest: it is too large.",
        "a file",
        RESTORE,
    )


def test_a_manifest_lists_at_most_256_of_anything(
    manifest: MakeManifest, note_of: Callable[[bytes], bytes], now: int
) -> None:
    entry = Revocation(kid=bytes(32), since=now, reason="lost")
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
            "Not a manifest: it lists too much.",
            "a file",
            RESTORE,
        )


@pytest.mark.parametrize("document", [b"[]", b"1", b"{}", b'"text"'])
def test_json_that_is_no_object_with_lists_is_malformed_too(
    note_of: Callable[[bytes], bytes], document: bytes
) -> None:
    raw = note_of(HEADER.encode() + b"\ntest-deployment\n" + document + b"\n")
    code, detail, _, _ = said(lambda: parse_manifest(raw))
    assert code == "manifest_malformed"
    assert detail.startswith("Not a manifest: the field ")


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


def refusal(act: Callable[[], object]) -> tuple[str, str]:
    """Code and reason, after the words that every refusal of a manifest begins with."""
    code, detail, _, _ = said(act)
    begin = "The manifest of alpha, version 1, is refused: "
    assert detail.startswith(begin)
    return code, detail.removeprefix(begin)


def test_what_was_signed_for_others_or_by_nobody_says_so(
    manifest: MakeManifest, verify: Callable[..., VerifiedManifest], governance: Govern
) -> None:
    assert refusal(lambda: verify(manifest(), deployment="other")) == (
        "manifest_foreign",
        "it is of another deployment.",
    )
    assert refusal(lambda: verify(manifest(), governance=[])) == (
        "manifest_unpinned",
        "no contract that we signed pins a key of this agency.",
    )
    others = [governance("alpha", "another label").public]
    assert refusal(lambda: verify(manifest(), governance=others)) == (
        "manifest_signature_invalid",
        "the agency's two governance keys have not both signed it.",
    )


def test_a_manifest_is_for_at_least_a_second_and_from_now(
    manifest: MakeManifest, verify: Callable[..., VerifiedManifest], now: int
) -> None:
    verify(manifest(expires=now + 1))
    long = "it is not for more than nothing and at most 30 days."
    for life in (0, 30 * DAY_MS + 1):
        act = lambda life=life: verify(manifest(expires=now + life))  # noqa: E731 - one act
        assert refusal(act) == ("manifest_dates_invalid", long)
    late = {"issued": now + 5 * MINUTE_MS, "expires": now + DAY_MS}
    verify(manifest(**late))
    code, detail, _, fix = said(lambda: verify(manifest(**late), now=now - 1))
    assert (code, fix) == ("manifest_early", "Check both clocks.")
    assert detail.endswith(": it was issued in the future.")


def test_a_refusal_without_a_remedy_of_its_own_asks_the_agency(
    manifest: MakeManifest, verify: Callable[..., VerifiedManifest]
) -> None:
    _, _, where, fix = said(lambda: verify(manifest(), deployment="other", where="a file"))
    assert (where, fix) == ("a file", "Ask alpha for its manifest.")


def test_a_key_that_may_not_be_listed_is_named_with_its_rule(
    manifest: MakeManifest, listed: Listed, verify: Callable[..., VerifiedManifest], now: int
) -> None:
    receipt = listed("receipt", "ed25519")
    exchange = listed("exchange", "mlkem768-x25519")
    label = f"the receipt key {receipt.kid.hex()[:16]}"
    shortest = listed("receipt", "ed25519", life=1)
    verify(manifest(keys=(shortest,)))
    never = receipt.model_copy(update={"not_after": receipt.not_before})
    for keys, code, reason in (
        (
            (receipt.model_copy(update={"algorithm": "ml-dsa-44"}),),
            "manifest_key_invalid",
            f"{label} has an algorithm of another role.",
        ),
        (
            (receipt.model_copy(update={"public": exchange.public[:32]}),),
            "manifest_key_invalid",
            f"{label} is not what its id says.",
        ),
        (
            (never,),
            "manifest_key_invalid",
            f"{label} is valid for longer than its role may be, or never.",
        ),
        (
            (receipt, receipt),
            "manifest_key_shared",
            f"{label} is listed twice or serves two roles.",
        ),
        (
            (receipt.model_copy(update={"possession": None}),),
            "possession_invalid",
            f"{label} lacks a proof of possession, or needs none.",
        ),
        (
            (receipt.model_copy(update={"possession": bytes(64)}),),
            "possession_invalid",
            "A signing key does not prove that its holder has it.",
        ),
        (
            (listed("stream", "ed25519"), listed("stream", "ed25519", label="second")),
            "manifest_keys_overlap",
            "two stream keys are valid at one time.",
        ),
    ):
        assert refusal(lambda keys=keys: verify(manifest(keys=keys))) == (code, reason)


# --- what comes after what -----------------------------------------------------------------------


def test_the_same_manifest_again_is_a_rollback_and_its_twin_a_conflict(
    manifest: MakeManifest, listed: Listed, verify: Callable[..., VerifiedManifest], now: int
) -> None:
    second = verify(manifest(version=2))
    named = "The manifest of alpha, version 2,"
    assert said(lambda: verify_successor(second, second)) == (
        "manifest_rollback",
        f"{named} is older than version 2, which was seen before.",
        None,
        "Use alpha's newest manifest.",
    )
    twin = verify(manifest(version=2, contacts={"other": "x"}))
    assert said(lambda: verify_successor(second, twin)) == (
        "manifest_conflict",
        f"{named} exists with two texts.",
        None,
        "Keep both as evidence and ask alpha.",
    )
    longer = verify(manifest(version=1, keys=(listed("receipt", "ed25519", life=DAY_MS),)))
    after = verify(manifest(version=2, keys=(listed("receipt", "ed25519", life=DAY_MS + 1),)))
    assert said(lambda: verify_successor(longer, after))[:2] == (
        "manifest_key_prolonged",
        f"{named} moves or prolongs the validity of a key.",
    )


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
        assert said(act)[:2] == (
            "manifest_key_prolonged",
            "The manifest of alpha, version 3, moves or prolongs the validity of a key.",
        )
    # What was ever listed counts, and not what the version before says of it
    verify_successor(verify(manifest(version=2, keys=(once,))), longer, {})
