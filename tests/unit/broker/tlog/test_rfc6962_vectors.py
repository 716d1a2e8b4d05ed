"""The inclusion vectors of transparency-dev/merkle, valid and broken."""

from __future__ import annotations

import json
import os
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from broker.errors import ProofError
from broker.tlog.merkle import left_nodes, verify_inclusion

FOLDER = os.environ.get("CONCORDANT_VECTORS")

pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="CONCORDANT_VECTORS does not name the folder of the vectors"
)


def cases(kind: str) -> list[Any]:
    if FOLDER is None:
        return [pytest.param({}, id="none")]
    root = Path(FOLDER) / "rfc6962" / kind
    return [
        pytest.param(json.loads(path.read_text()), id=f"{path.parent.name}/{path.stem}")
        for path in sorted(root.rglob("*.json"))
    ]


def hashes(case: dict[str, Any]) -> list[bytes]:
    return [b64decode(node) for node in case["proof"] or []]


@pytest.mark.parametrize("case", cases("inclusion"))
def test_inclusion_is_judged_as_the_vector_says(case: dict[str, Any]) -> None:
    path, root = hashes(case), b64decode(case["root"])
    arguments = (b64decode(case["leafHash"]), case["leafIdx"], case["treeSize"], path, root)
    if case["wantErr"]:
        with pytest.raises(ProofError) as refusal:
            verify_inclusion(*arguments)
        assert refusal.value.code == "inclusion_invalid"
    else:
        verify_inclusion(*arguments)
        assert len(left_nodes(case["leafIdx"], path)) == case["leafIdx"].bit_count()


def test_the_folder_holds_valid_and_broken_cases() -> None:
    assert {case.values[0]["wantErr"] for case in cases("inclusion")} == {True, False}
