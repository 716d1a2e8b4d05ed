"""Next version of an agreement, proposed and signed by an officer at the machine with the keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from broker.operations import contract_signing
from broker.operations.contract_revision import revise_contract
from broker.operations.signatories import parse_signatory


def propose(
    folder: Path,
    out: Path,
    values: Mapping[str, str],
    now: int,
    signatory: str,
    change: str | None = None,
) -> None:
    """Write and sign the next version of the agreement that an agency holds.

    Args:
        folder: the agency's folder, with its signing keys.
        out: where the version is written.
        values: dotted path -> new value.
        now: milliseconds since the epoch.
        signatory: name and capacity.
        change: words of the version record; None names what changes.
    """
    held = next((folder / "contracts").glob("*.yaml"))
    revise_contract(held, add=(), remove=(), values=values, out=out, now=now, change=change)
    sign(folder, out, now, signatory)


def sign(folder: Path, text: Path, now: int, signatory: str) -> None:
    """Sign an agreement with all warnings accepted.

    Args:
        folder: the agency's folder, with its signing keys.
        text: the agreement.
        now: milliseconds since the epoch.
        signatory: name and capacity.
    """
    reviewed = contract_signing.review_signing(folder, text, (), now)
    accepted = {one.rule for one in reviewed.findings if one.severity == "warning"}
    person = parse_signatory(signatory)
    contract_signing.sign(reviewed, accepted, now=now, signatory=person, shown="shown")
