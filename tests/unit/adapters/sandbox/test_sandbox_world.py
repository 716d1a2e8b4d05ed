"""World of a rehearsal with a vocabulary that does not come with the software."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from adapters.sandbox.rehearsed_agreement import rehearsed_agreement
from adapters.sandbox.sandbox_world import make_world
from broker.agency.kinds import own_documents
from broker.clock import now_ms
from contracts.vocabulary.known import shipped_vocabulary_files
from tests.support.founded_partnership import COUNCIL, NOW, POLICE, founded


def test_an_own_vocabulary_is_pinned_again_and_found_by_its_name(tmp_path: Path) -> None:
    folder = founded().directory(POLICE, tmp_path)
    (file,) = (folder / "contracts").glob("*.yaml")
    shipped = founded().contract.vocabulary
    name = shipped.form.vocabulary
    raw = shipped_vocabulary_files()[name] + b"# a comment of our own\n"
    (folder / "contracts" / f"{name}.vocabulary.yaml").write_bytes(raw)
    digest = sha256(raw).hexdigest()
    draft = tmp_path / "drafts" / "draft.yaml"
    draft.parent.mkdir()
    draft.write_text(file.read_text().replace(shipped.hash, digest))
    (draft.parent / f"{name}.vocabulary.yaml").write_bytes(raw)
    agreement = rehearsed_agreement(folder, POLICE, str(draft), NOW)
    two = [one for one in agreement.parties if one["id"] in {POLICE, COUNCIL}]
    now = now_ms()
    world = make_world(folder, replace(agreement, parties=two), tmp_path / "sandbox", now)
    assert world.partners == (COUNCIL,)
    for agency in (POLICE, COUNCIL):
        contract = world.participant(agency, now).contract_in_force(now).contract
        assert contract.vocabulary.hash == contract.pins.vocabulary == digest
        assert contract.deployment.startswith("sandbox-")
    assert own_documents(world.root / POLICE).by_name(name) == raw
