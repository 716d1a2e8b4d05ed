"""Signed statements with one fault: refused with its code; issued or signed again, taken.

Manifests and contracts are those of ``tests/vectors/settings``, whose keys are published.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from broker.envelope.primitives import Ed25519Signer, Ed25519Verifier, sha256
from broker.errors import ConcordantError
from broker.keys.delegation import WithdrawnKeys
from broker.keys.manifest import manifest_text, parse_manifest, verify_manifest
from broker.operations.vector_setting import load_setting
from broker.registry.contract_files import verify_beside
from broker.registry.contracts import require_signed, verify_contract
from broker.registry.manifests import ManifestBook
from broker.tlog.checkpoint import Checkpoint, format_checkpoint, parse_checkpoint
from broker.tlog.cosignature import (
    cosign,
    parse_signed_checkpoint,
    signed_checkpoint,
    verify_cosignature,
)
from broker.tlog.note import (
    format_note,
    note_signer,
    note_verifier,
    parse_note,
    sign_note,
    verify_note_by_all,
)
from contracts.loading import parse_contract
from tests.support.code_scan import ROOT
from tests.support.codes.vector_readers import DAY, members
from tests.vectors.making.agencies import FOUNDED, POLICE, agreed

SETTINGS = ROOT / "tests/vectors/settings"
MANIFESTS = {
    "manifest_signature_invalid": ("refused-manifests", "altered"),
    "manifest_malformed": ("refused-manifests", "first_line"),
    "manifest_key_shared": ("refused-manifests", "two_roles"),
    "manifest_key_invalid": ("refused-manifests", "key_life"),
    "manifest_dates_invalid": ("refused-manifests", "life_long"),
    "manifest_keys_overlap": ("refused-manifests", "overlap"),
    "possession_invalid": ("refused-manifests", "possession"),
    "manifest_delegation_differs": ("refused-manifests", "delegation_other"),
    "manifest_revocation_early": ("manifest-forms", "since_eight_days"),
    "key_small_order": ("refused-manifests", "small_order"),
    "key_malformed": ("refused-manifests", "unreduced_ml_kem"),
}
CONTRACTS = {
    "contract_altered": "altered",
    "contract_signature_invalid": "broken_signature",
    "contract_keys_invalid": "shared_key",
}


def believed(raw: bytes, book: ManifestBook, now: int | None = None) -> ManifestBook:
    """The book with a manifest, verified as a reader verifies what it meets."""
    contracts = load_setting(SETTINGS / "refused-manifests", "council-camden").resolver.contracts
    signed = parse_manifest(raw)
    verified = verify_manifest(
        signed,
        contracts.governance_of(signed.manifest.agency),
        deployment=book.deployment,
        now=signed.manifest.issued if now is None else now,
    )
    return book.adding(verified)


def carry_out_manifest(code: str, _: Path) -> None:
    """A manifest with a fault is refused; its agency issues it again."""
    setting, stem = MANIFESTS[code]
    raw = (SETTINGS / setting / "manifests" / f"{stem}.txt").read_bytes()
    book = ManifestBook("pan-london")
    with pytest.raises(ConcordantError) as refused:
        believed(raw, book)
    assert refused.value.code == code
    police = members()[POLICE]
    assert believed(police.sign(police.manifest()), book).history(POLICE)


def carry_out_contract(code: str, _: Path) -> None:
    """A contract with a fault is refused; the signed file of another party is taken."""
    path = SETTINGS / "contracts/contracts" / f"{CONTRACTS[code]}.yaml"
    with pytest.raises(ConcordantError) as refused:
        verify_beside(parse_contract(path.read_bytes(), path.name), path)
    assert refused.value.code == code
    signed = agreed(list(members().values()))
    notes = [one.raw for one in signed.notes]
    require_signed(verify_contract(parse_contract(signed.text.raw, "c.yaml"), notes))


# --- statements that are made here ---------------------------------------------------------------

Made = Callable[[], object]


def succession(**changes: object) -> Made:
    """A second manifest of the police that follows its first one."""

    def act() -> object:
        police = members()[POLICE]
        first = police.manifest()
        book = believed(police.sign(first), ManifestBook("pan-london"))
        second = replace_manifest(first, {"version": 2, "issued": FOUNDED + DAY, **changes})
        return believed(police.sign(second), book)

    return act


def after_withdrawal(stand: tuple[str, ...]) -> object:
    """A first manifest that comes after its keys were withdrawn; it may be named as standing."""
    police = members()[POLICE]
    first, keys = police.manifest(), police.manifest_keys()
    hashes = tuple(sha256(manifest_text(first)) for _ in stand)
    withdrawn = WithdrawnKeys(keys=(keys[0].kid, keys[1].kid), stand=hashes)
    later = police.delegation("second", FOUNDED, withdrawn=(withdrawn,))
    newer = police.sign(police.manifest(2, delegation=later.hash), later)
    book = believed(newer, believed(police.sign(first), ManifestBook("pan-london")))
    return believed(police.sign(first), book)


def replace_manifest(first, changes):  # type: ignore[no-untyped-def]
    return first.model_copy(update=changes)


KEY = Ed25519Signer(bytes(32))
OTHER_KEY = Ed25519Signer(bytes(31) + b"1")
SIGNER, OTHER_SIGNER = (note_signer("a/b", b"\x01", key) for key in (KEY, OTHER_KEY))
VERIFIER, OTHER_VERIFIER = (
    note_verifier("a/b", b"\x01", Ed25519Verifier(key.public)) for key in (KEY, OTHER_KEY)
)
COSIGNER = note_signer("a/b", b"\x04", KEY)
COSIGNATURE_VERIFIER = note_verifier("a/b", b"\x04", Ed25519Verifier(KEY.public))
NOTE = format_note(sign_note(b"text\n", [SIGNER]))
CHECKPOINT = Checkpoint("pan-london/csu-camden/a/0/g", 1, bytes(32))
BODY = format_checkpoint(CHECKPOINT)
LINE = cosign(COSIGNER, 1_700_000_000, BODY)


def noted(note: bytes, *verifiers: object) -> Made:
    return lambda: verify_note_by_all(parse_note(note), verifiers)  # type: ignore[arg-type]


STATEMENTS: dict[str, tuple[Made, Made]] = {
    "manifest_conflict": (succession(version=1), succession()),
    "manifest_void": (lambda: after_withdrawal(()), lambda: after_withdrawal(("first",))),
    "manifest_key_prolonged": (
        lambda: verify_prolonged(DAY),
        lambda: verify_prolonged(0),
    ),
    "manifest_early": (
        lambda: at(FOUNDED - DAY),
        lambda: at(FOUNDED),
    ),
    "manifest_foreign": (
        lambda: believed(police_manifest(deployment="elsewhere"), ManifestBook("pan-london")),
        lambda: believed(police_manifest(), ManifestBook("pan-london")),
    ),
    "manifest_unpinned": (lambda: pinned(False), lambda: pinned(True)),
    "note_malformed": (noted(b"text\n", VERIFIER), noted(NOTE, VERIFIER)),
    "note_too_large": (noted(b"x" * (1 << 22), VERIFIER), noted(NOTE, VERIFIER)),
    "note_signature_invalid": (
        noted(NOTE.replace(b"text", b"test"), VERIFIER),
        noted(NOTE, VERIFIER),
    ),
    "note_unsigned": (
        noted(NOTE, VERIFIER, OTHER_VERIFIER),
        noted(format_note(sign_note(b"text\n", [SIGNER, OTHER_SIGNER])), VERIFIER, OTHER_VERIFIER),
    ),
    "note_keys_ambiguous": (noted(NOTE, VERIFIER, VERIFIER), noted(NOTE, VERIFIER)),
    "checkpoint_malformed": (
        lambda: parse_checkpoint(BODY.replace(b"\n1\n", b"\n01\n")),
        lambda: parse_checkpoint(BODY),
    ),
    "cosignature_malformed": (
        lambda: parse_signed_checkpoint(BODY + b"\n" + NOTE.splitlines(True)[-1]),
        lambda: parse_signed_checkpoint(signed_checkpoint(COSIGNER, 1_700_000_000, CHECKPOINT)),
    ),
    "cosignature_invalid": (
        lambda: verify_cosignature(LINE, COSIGNATURE_VERIFIER, BODY + b"x"),
        lambda: verify_cosignature(LINE, COSIGNATURE_VERIFIER, BODY),
    ),
    "cosignature_unknown": (
        lambda: verify_cosignature(replace(LINE, name="a/c"), COSIGNATURE_VERIFIER, BODY),
        lambda: verify_cosignature(LINE, COSIGNATURE_VERIFIER, BODY),
    ),
}


def police_manifest(**other: object) -> bytes:
    police = members()[POLICE]
    return police.sign(police.manifest(**other))


def at(now: int) -> ManifestBook:
    return believed(police_manifest(), ManifestBook("pan-london"), now)


def pinned(is_pinned: bool) -> object:
    signed = parse_manifest(police_manifest())
    pair = members()[POLICE].governance.public
    pairs = (pair,) if is_pinned else ()
    return verify_manifest(signed, pairs, deployment="pan-london", now=signed.manifest.issued)


def verify_prolonged(by: int) -> ManifestBook:
    police = members()[POLICE]
    keys = [key.listed for key in police.first_keys()]
    shorter = [replace_manifest(keys[0], {"not_after": keys[0].not_after - DAY}), *keys[1:]]
    later = [replace_manifest(keys[0], {"not_after": keys[0].not_after - DAY + by}), *keys[1:]]
    book = believed(police.sign(police.manifest(keys=shorter)), ManifestBook("pan-london"))
    return believed(police.sign(police.manifest(2, FOUNDED + DAY, later)), book)


def carry_out(code: str, _: Path) -> None:
    """The statement is refused with the code; given again as it must be, it is taken."""
    bad, good = STATEMENTS[code]
    with pytest.raises(ConcordantError) as refused:
        bad()
    assert refused.value.code == code
    good()
