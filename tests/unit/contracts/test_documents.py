"""Documents that an agreement pins: the framework agreement and the vocabulary."""

from __future__ import annotations

import pytest

from contracts.documents import (
    DOCUMENT_BYTES,
    KINDS,
    document_hash,
    pinned,
    require_document,
    shipped_documents,
    shipped_pins,
)
from contracts.errors import ContractError
from contracts.explain import explain_terms
from contracts.loading import ContractText, parse_contract
from tests.support.words import HATE_CRIME


def test_a_draft_pins_the_documents_of_the_software(contract_text: ContractText) -> None:
    contract = contract_text.contract
    assert contract.pins == shipped_pins(HATE_CRIME)
    for kind in KINDS:
        assert require_document(shipped_documents()[pinned(contract, kind)], kind)


def test_both_hashes_are_explained(contract_text: ContractText) -> None:
    text = explain_terms(contract_text.contract)
    assert all(pinned(contract_text.contract, kind) in text for kind in KINDS)


@pytest.mark.parametrize("member", ["pins", "  framework", "  vocabulary"])
def test_an_agreement_without_a_pin_is_none(contract_yaml: str, member: str) -> None:
    head, mark, rest = contract_yaml.partition(f"\npins:\n  framework: {pin('framework')}")
    assert mark
    whole = f"{mark}{rest}"
    lines = [one for one in whole.splitlines() if not one.startswith(f"{member}:")]
    if member == "pins":
        lines = []
    with pytest.raises(ContractError) as refused:
        parse_contract((head + "\n".join(lines) + "\n").encode(), "a.yaml")
    assert refused.value.code == "contract_invalid"


def pin(kind: str) -> str:
    return f'"{shipped_pins(HATE_CRIME).model_dump()[kind]}"'


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" \n",
        b"\xff",
        b"a" * (DOCUMENT_BYTES + 1),
        "pay \u202eevil".encode(),
        b"a\x1b[2J",
        "a\u200bb".encode(),
    ],
)
def test_a_document_is_bounded_plain_text(raw: bytes) -> None:
    with pytest.raises(ContractError) as refused:
        require_document(raw, "framework.txt")
    assert refused.value.code == "document_invalid"


def test_a_document_keeps_its_bytes() -> None:
    assert require_document("One\ttwo\nthree \u2019".encode(), "f") == "One\ttwo\nthree \u2019"
    assert document_hash(b"abc").startswith("ba7816bf")
