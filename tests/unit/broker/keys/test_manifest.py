"""Checks of an agency's manifest before its content is trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from broker.envelope.primitives import b64
from broker.errors import ManifestError
from broker.keys.governance import GovernanceSigner
from broker.keys.issuing import ManifestSigner
from broker.keys.manifest import (
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
from broker.tlog.note import Note, format_note, parse_note, sign_note
from contracts.durations import DAY_MS, MINUTE_MS

MakeManifest = Callable[..., Manifest]
Sign = Callable[..., bytes]
Govern = Callable[..., GovernanceSigner]
Signing = Callable[..., ManifestSigner]

DEPLOYMENT = "test-deployment"


@pytest.fixture
def verify(signed_note: Sign, governance: Govern, now: int) -> Callable[..., VerifiedManifest]:
    def act(document: Manifest, **changes: Any) -> VerifiedManifest:
        options = {
            "governance": [governance(document.agency).public],
            "deployment": DEPLOYMENT,
            "now": now,
            **changes,
        }
        raw = options.pop("raw", None) or signed_note(document)
        return verify_manifest(parse_manifest(raw), **options)

    return act


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(ManifestError) as caught:
        act()
    return caught.value.code


def test_a_good_manifest_reads_as_it_was_written(
    manifest: MakeManifest, signed_note: Sign, verify: Callable[..., VerifiedManifest]
) -> None:
    document = manifest()
    raw = signed_note(document)
    assert parse_manifest(raw).manifest == document
    verified = verify(document, raw=raw)
    assert (verified.manifest, verified.raw) == (document, raw)
    assert verified.delegation.hash == document.delegation


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"version":1', b'"version":1.0'),
        (b'"version":1', b'"version": 1'),
        (b'"version":1', b'"version":"1"'),
        (b'"version":1', b'"version":0'),
        (b'"version":1', b'"version":1,"version":1'),
        (b'"version":1', b'"version":1,"zone":1'),
        (b'"version":1', b'"tls_principal":"alpha","version":1'),  # the contract names principals
        (b'"revocations":[],', b""),
        (b"concordant.manifest/v1", b"concordant.manifest/v2"),
        (b"concordant.manifest/v1\ntest-deployment", b"concordant.manifest/v1\nother"),
        (b"concordant.manifest/v1\n", b""),
        (b'"role":"receipt"', b'"role":"governance"'),
        (b'"agency":"alpha"', b'"agency":"al/pha"'),
        (b".000Z", b".000+00:00"),
    ],
)
def test_any_other_spelling_is_malformed_even_if_signed(
    manifest: MakeManifest, signed_note: Sign, old: bytes, new: bytes
) -> None:
    text = manifest_text(manifest())
    assert old in text
    raw = signed_note(text.replace(old, new, 1))
    assert code_of(lambda: parse_manifest(raw)) == "manifest_malformed"


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_revocation_names_a_whole_key_id(
    manifest: MakeManifest, signed_note: Sign, now: int, length: int
) -> None:
    text = manifest_text(manifest(revocations=(stated(b"k" * 32, now, now),)))
    altered = text.replace(b64(b"k" * 32).encode(), b64(b"k" * length).encode())
    assert altered != text
    raw = signed_note(altered)
    assert code_of(lambda: parse_manifest(raw)) == "manifest_malformed"


@pytest.mark.parametrize("raw", [b"", b"\x00\xff", b"text\n", b"{}", b"x" * 600_000])
def test_text_that_is_not_a_manifest_is_malformed(raw: bytes) -> None:
    assert code_of(lambda: parse_manifest(raw)) == "manifest_malformed"


def test_both_manifest_keys_must_have_signed(
    manifest: MakeManifest, signed_note: Sign, verify: Callable[..., VerifiedManifest]
) -> None:
    document = manifest()
    delegation, own = split_manifest(signed_note(document))
    note = parse_note(own)
    for kept in (0, 1):
        raw = delegation + format_note(Note(note.text, (note.signatures[kept],)))
        assert code_of(lambda raw=raw: verify(document, raw=raw)) == "manifest_signature_invalid"


def test_governance_keys_sign_no_manifest(
    manifest: MakeManifest,
    governance: Govern,
    signer: Signing,
    verify: Callable[..., VerifiedManifest],
) -> None:
    document = manifest()
    own = format_note(sign_note(manifest_text(document), governance().note_signers()))
    raw = signer().delegation.raw + own
    assert code_of(lambda: verify(document, raw=raw)) == "manifest_signature_invalid"
    assert code_of(lambda: parse_manifest(own)) == "manifest_malformed", "no delegation"


def test_a_manifest_comes_with_the_delegation_that_it_names(
    manifest: MakeManifest,
    signer: Signing,
    signed_note: Sign,
    verify: Callable[..., VerifiedManifest],
) -> None:
    document = manifest()
    _, own = split_manifest(signed_note(document))
    for other in (signer(label="another"), signer("beta")):
        raw = other.delegation.raw + own
        assert code_of(lambda raw=raw: verify(document, raw=raw)) == "manifest_delegation_differs"
    for raw in (own, own + own, signer().delegation.raw):
        assert code_of(lambda raw=raw: parse_manifest(raw)) in {
            "manifest_malformed",
            "delegation_malformed",
        }


def test_a_manifest_lies_within_its_delegation(
    manifest: MakeManifest, signer: Signing, verify: Callable[..., VerifiedManifest]
) -> None:
    content = signer().delegation.delegation
    first, last = content.issued, content.expires
    verify(manifest(issued=first, expires=first + DAY_MS))
    verify(manifest(issued=last - DAY_MS, expires=last), now=last)
    for issued, expires in ((first - 1, first + DAY_MS), (last - DAY_MS, last + 1)):
        document = manifest(issued=issued, expires=expires)
        assert code_of(lambda d=document: verify(d, now=last)) == "manifest_dates_invalid"


def stated(kid: bytes, since: int, at: int) -> StatedRevocation:
    return StatedRevocation(kid=kid, since=since, stated=at, reason="lost")


def test_a_revocation_looks_back_seven_days_at_most(
    manifest: MakeManifest, verify: Callable[..., VerifiedManifest], now: int
) -> None:
    back = now - 7 * DAY_MS
    verify(manifest(revocations=(stated(b"k" * 32, back, now),)))
    for since, at in ((back - 1, now), (now, now + 1)):
        document = manifest(revocations=(stated(b"k" * 32, since, at),))
        assert code_of(lambda d=document: verify(d)) == "manifest_revocation_early"


def test_a_new_revocation_cannot_pose_as_a_repeated_one(
    manifest: MakeManifest, verify: Callable[..., VerifiedManifest], now: int
) -> None:
    """A thief of manifest keys cannot disown what the agency signed long ago."""
    first = verify(manifest())
    old = stated(b"k" * 32, now - DAY_MS, now - 1)
    posing = verify(manifest(version=2, revocations=(old,)))
    assert code_of(lambda: verify_successor(first, posing)) == "manifest_revocation_early"
    # an honest repetition, and one of a version in between that this reader has missed
    verify_successor(verify(manifest(revocations=(old,))), posing)
    verify_successor(first, verify(manifest(version=3, revocations=(stated(b"k" * 32, now, now),))))


def test_a_signature_of_any_other_key_does_not_count(
    manifest: MakeManifest,
    signer: Signing,
    signed_note: Sign,
    verify: Callable[..., VerifiedManifest],
) -> None:
    document = manifest()
    theirs = signer(label="an attacker's")
    posing = replace(theirs, delegation=signer().delegation)
    raw = signed_note(document, posing)
    assert code_of(lambda: verify(document, raw=raw)) == "manifest_signature_invalid"
    forged = signer(label="their manifest keys", governed="an attacker's")
    own = manifest(delegation=forged.delegation.hash)
    raw = signed_note(own, forged)
    assert code_of(lambda: verify(own, raw=raw)) == "delegation_signature_invalid"
    assert code_of(lambda: verify(document, governance=[])) == "manifest_unpinned"


def test_one_of_several_pinned_pairs_is_enough(
    manifest: MakeManifest, governance: Govern, verify: Callable[..., VerifiedManifest]
) -> None:
    pairs = [governance(label="the next").public, governance().public]
    verify(manifest(), governance=pairs)


def test_another_deployments_manifest_is_foreign(
    manifest: MakeManifest, verify: Callable[..., VerifiedManifest]
) -> None:
    assert code_of(lambda: verify(manifest(), deployment="other")) == "manifest_foreign"


@pytest.mark.parametrize("life", [0, -1, 30 * DAY_MS + 1])
def test_it_is_for_at_most_thirty_days(
    manifest: MakeManifest, verify: Callable[..., VerifiedManifest], now: int, life: int
) -> None:
    assert code_of(lambda: verify(manifest(expires=now + life))) == "manifest_dates_invalid"


def test_it_may_be_expired_but_not_from_the_future(
    manifest: MakeManifest, verify: Callable[..., VerifiedManifest], now: int
) -> None:
    verify(manifest(), now=now + 400 * DAY_MS)
    verify(manifest(), now=now - 5 * MINUTE_MS)
    assert code_of(lambda: verify(manifest(), now=now - 5 * MINUTE_MS - 1)) == "manifest_early"


def test_a_key_id_is_recomputed(
    manifest: MakeManifest,
    listed: Callable[..., ManifestKey],
    verify: Callable[..., VerifiedManifest],
) -> None:
    key = listed("exchange", "mlkem768-x25519").model_copy(update={"kid": bytes(32)})
    assert code_of(lambda: verify(manifest(keys=(key,)))) == "manifest_key_invalid"


def test_a_role_uses_its_own_algorithms_only(
    manifest: MakeManifest,
    listed: Callable[..., ManifestKey],
    verify: Callable[..., VerifiedManifest],
) -> None:
    key = listed("stream", "ml-dsa-44").model_copy(update={"role": "receipt"})
    assert code_of(lambda: verify(manifest(keys=(key,)))) == "manifest_key_invalid"


@pytest.mark.parametrize(
    ("role", "algorithm", "days"),
    [("stream", "ed25519", 90), ("exchange", "mlkem768-x25519", 30), ("receipt", "ed25519", 90)],
)
def test_a_key_lives_as_long_as_its_role_may(
    manifest: MakeManifest,
    listed: Callable[..., ManifestKey],
    verify: Callable[..., VerifiedManifest],
    role: str,
    algorithm: str,
    days: int,
) -> None:
    verify(manifest(keys=(listed(role, algorithm, life=days * DAY_MS),)))
    for life in (days * DAY_MS + 1, 0, -1):
        keys = (listed(role, algorithm, life=life),)
        assert code_of(lambda keys=keys: verify(manifest(keys=keys))) == "manifest_key_invalid"


def test_no_key_serves_two_roles_or_is_listed_twice(
    manifest: MakeManifest,
    listed: Callable[..., ManifestKey],
    governance: Govern,
    signer: Signing,
    verify: Callable[..., VerifiedManifest],
) -> None:
    from broker.keys.enrolment import possession_message
    from broker.keys.kid import kid

    stream = listed("stream", "ed25519")
    assert code_of(lambda: verify(manifest(keys=(stream, stream)))) == "manifest_key_shared"
    governing, delegated = governance(), signer()
    for shared, private in (
        (stream.public, None),
        (governing.public.ed25519, governing.ed25519),
        (delegated.ed25519.public, delegated.ed25519),
    ):
        key_id = kid("receipt", "ed25519", shared)
        proof = (
            private.sign(possession_message(DEPLOYMENT, "alpha", key_id)) if private else bytes(64)
        )
        again = listed("receipt", "ed25519").model_copy(
            update={"public": shared, "kid": key_id, "possession": proof}
        )
        assert code_of(lambda again=again: verify(manifest(keys=(stream, again)))) == (
            "manifest_key_shared"
        )


def test_a_small_order_key_is_refused_in_a_manifest(
    manifest: MakeManifest,
    listed: Callable[..., ManifestKey],
    verify: Callable[..., VerifiedManifest],
) -> None:
    from broker.keys.kid import kid

    identity = (1).to_bytes(32, "little")
    key = listed("stream", "ed25519").model_copy(
        update={"public": identity, "kid": kid("stream", "ed25519", identity)}
    )
    assert code_of(lambda: verify(manifest(keys=(key,)))) == "key_small_order"
    cut = listed("exchange", "mlkem768-x25519")
    cut = cut.model_copy(
        update={
            "public": cut.public[:-1],
            "kid": kid("exchange", "mlkem768-x25519", cut.public[:-1]),
        }
    )
    assert code_of(lambda: verify(manifest(keys=(cut,)))) == "key_malformed"


def test_signing_keys_prove_possession_and_others_do_not(
    manifest: MakeManifest,
    listed: Callable[..., ManifestKey],
    verify: Callable[..., VerifiedManifest],
) -> None:
    stream = listed("stream", "ed25519")
    exchange = listed("exchange", "mlkem768-x25519")
    for key in (
        stream.model_copy(update={"possession": None}),
        stream.model_copy(update={"possession": bytes(64)}),
        listed("stream", "ml-dsa-44").model_copy(update={"possession": stream.possession}),
        exchange.model_copy(update={"possession": stream.possession}),
    ):
        assert code_of(lambda key=key: verify(manifest(keys=(key,)))) == "possession_invalid"


def test_an_agency_cannot_enrol_anothers_key(
    manifest: MakeManifest,
    listed: Callable[..., ManifestKey],
    verify: Callable[..., VerifiedManifest],
) -> None:
    theirs = listed("stream", "ed25519", agency="beta")
    assert code_of(lambda: verify(manifest(keys=(theirs,)))) == "possession_invalid"


def test_one_stream_key_at_a_time(
    manifest: MakeManifest,
    listed: Callable[..., ManifestKey],
    verify: Callable[..., VerifiedManifest],
    now: int,
) -> None:
    first = listed("stream", "ed25519", life=10 * DAY_MS)
    after = listed("stream", "ed25519", label="second", start=now + 10 * DAY_MS)
    during = listed("stream", "ed25519", label="second", start=now + 10 * DAY_MS - 1)
    verify(manifest(keys=(after, first)))
    assert code_of(lambda: verify(manifest(keys=(during, first)))) == "manifest_keys_overlap"


def test_versions_only_rise(
    manifest: MakeManifest, verify: Callable[..., VerifiedManifest], now: int
) -> None:
    second = verify(manifest(version=2))
    verify_successor(second, verify(manifest(version=5)))
    for version, code in ((1, "manifest_rollback"), (2, "manifest_conflict")):
        other = verify(manifest(version=version, contacts={"other": "x"}))
        assert code_of(lambda other=other: verify_successor(second, other)) == code
    earlier = verify(manifest(version=3, issued=now - 1, expires=now + DAY_MS))
    assert code_of(lambda: verify_successor(second, earlier)) == "manifest_rollback"


def test_a_keys_life_is_not_prolonged_by_listing_it_again(
    manifest: MakeManifest,
    listed: Callable[..., ManifestKey],
    verify: Callable[..., VerifiedManifest],
    now: int,
) -> None:
    first = verify(manifest(keys=(listed("receipt", "ed25519"),)))
    for start, life, refused in (
        (now, 10 * DAY_MS, False),
        (now + DAY_MS, 90 * DAY_MS, True),
        (now - DAY_MS, 30 * DAY_MS, True),
    ):
        key = listed("receipt", "ed25519", start=start, life=life)
        second = verify(manifest(version=2, keys=(key,)))
        if refused:
            code = code_of(lambda second=second: verify_successor(first, second))
            assert code == "manifest_key_prolonged"
        else:
            verify_successor(first, second)


def test_an_error_names_agency_and_version(
    manifest: MakeManifest, verify: Callable[..., VerifiedManifest], now: int
) -> None:
    with pytest.raises(ManifestError, match="alpha, version 1") as caught:
        verify(manifest(expires=now), where="manifests/alpha.1.note")
    assert caught.value.where == "manifests/alpha.1.note"
    assert caught.value.fix
