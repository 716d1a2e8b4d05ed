"""Agencies in folders of their own that pass an agreement round, in one process."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from pathlib import Path

from broker.operations import contract_signing
from broker.operations.agency_entry import write_entry
from broker.operations.bundles import add_bundles, make_bundle
from broker.operations.contract_draft import draft_contract
from broker.operations.contract_revision import revise_contract
from broker.operations.signatories import file_to_sign, parse_signatory
from tests.support.founding import NOW, cheap_scrypt, found

PARTIES = {"csu-camden": "police", "cps-london": "prosecution", "haven-support": "support"}
PARTIES |= {"council-camden": "council"}
DAY = date.fromtimestamp(NOW // 1000)


def drafted(root: Path, out: Path, deployment: str = "pan-camden") -> Path:
    draft_contract(
        terms="london-hate-crime",
        entries=[root / f"{agency}.entry" for agency in PARTIES],
        deployment=deployment,
        starts=DAY,
        ends=date(DAY.year + 1, DAY.month, 1),
        review_on=date(DAY.year + 1, 1, 15),
        out=out,
        now=NOW,
    )
    return out


def sign(folder: Path, now: int = NOW, accepted: Collection[str] = ()) -> None:
    reviewed = contract_signing.review_signing(folder, file_to_sign(folder, now), (), now)
    person = parse_signatory("Ada Okafor, Director")
    contract_signing.sign(reviewed, accepted, now=now, signatory=person, shown="shown")


def found_all(root: Path) -> None:
    """Agencies with entries and a drafted agreement; none has signed."""
    with cheap_scrypt():
        for agency, role in PARTIES.items():
            found(root / agency, agency, role)
            write_entry(root / agency, root / f"{agency}.entry", NOW)
    drafted(root, root / "agreement.yaml")


def pass_round(root: Path) -> None:
    """One bundle goes round, and all sign; the last agency has everything."""
    passed: list[Path] = [root / "agreement.yaml", *root.glob("*.entry")]
    with cheap_scrypt():
        for number, agency in enumerate(PARTIES):
            add_bundles(root / agency, passed, NOW)
            sign(root / agency)
            passed = [root / f"{number}.bundle"]
            make_bundle(root / agency, passed[0], NOW)


def revise(root: Path, agency: str = "csu-camden", *entries: Path) -> Path:
    """An agency makes the next version of its newest agreement, with entries of newcomers."""
    versions = sorted((root / agency / "contracts").glob("*.yaml"))
    out = root / f"next-{agency}.yaml"
    values = {} if entries else {"contact": "revised"}
    revise_contract(versions[-1], add=entries, remove=(), values=values, out=out, now=NOW)
    return out


def joined(root: Path, newcomer: str = "lantern-centre") -> Path:
    """The first agency has everything, adds a newcomer in the next version, and signs it."""
    first = root / "csu-camden"
    add_bundles(first, [root / "3.bundle"], NOW)
    found(root / newcomer, newcomer, "support")
    write_entry(root / newcomer, root / f"{newcomer}.entry", NOW)
    (before,) = (first / "contracts").glob("*.yaml")
    revise_contract(
        before, add=[root / f"{newcomer}.entry"], remove=(), values={},
        out=root / "next.yaml", now=NOW,
    )  # fmt: skip
    add_bundles(first, [root / "next.yaml", root / f"{newcomer}.entry"], NOW)
    sign(first)
    make_bundle(first, root / "next.bundle", NOW)
    return root / newcomer
