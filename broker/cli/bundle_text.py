"""Output of the commands of bundles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from broker.operations.bundle_reading import AgreementLine
from broker.operations.bundles import Added, BundleContent
from broker.partnership.bundle import Bundle


def added_json(added: Added) -> dict[str, Any]:
    """Return the added parts, for scripts."""
    return {
        "agency": added.agency,
        "new": [{"kind": kind, "name": name} for kind, name in added.new],
        "agreements": agreements_json(added.agreements),
        "left_out": list(added.left_out),
        "skipped": list(added.skipped),
    }


def added_text(added: Added, directory: Path) -> str:
    """Return the new parts, the signatures, the missing ones, and the next step."""
    lines = [f"new: {kind} {name}" for kind, name in added.new] or ["Nothing new."]
    lines += [f"left out: {name}, which does not name this agency" for name in added.left_out]
    lines += [
        f"skipped: {name}, which is no bundle, no entry and no agreement" for name in added.skipped
    ]
    lines += agreement_lines(added.agreements)
    lines.append(f"Next: concordant agency status --agency {directory}")
    return "\n".join(lines)


def made_json(made: Bundle, out: Path) -> dict[str, Any]:
    """A bundle that was written, for scripts."""
    return {
        "file": str(out),
        "agreements": sorted(made.agreements),
        "entries": sorted(made.entries),
        "manifests": [f"{agency} {version}" for agency, version in sorted(made.manifests)],
        "authority": made.authority is not None,
        "documents": sorted(made.documents),
    }


def made_note(made: Bundle) -> str:
    """One line on what is in a bundle."""
    return (
        f"It contains agreements: {len(made.agreements)}, signatures: {len(made.signatures)}, "
        f"entries: {len(made.entries)}, manifests: {len(made.manifests)}."
    )


def shown_json(shown: BundleContent) -> dict[str, Any]:
    """A bundle's content, for scripts."""
    return {
        "agreements": agreements_json(shown.agreements),
        "entries": [
            {
                "agency": one.agency,
                "legal_name": one.entry.profile.legal_name,
                "role": one.entry.profile.role,
                "deployment": one.entry.deployment,
                "words": " ".join(one.words),
            }
            for one in shown.entries
        ],
        "manifests": [
            {"agency": agency, "version": version} for agency, version in shown.manifests
        ],
        "authority": shown.authority,
        "certificates": list(shown.certificates),
        "own_certificates": list(shown.own_certificates),
    }


def content_text(shown: BundleContent) -> str:
    """A bundle's content."""
    lines = list(agreement_lines(shown.agreements))
    for one in shown.entries:
        lines.append(f"entry: {one.agency}, {one.entry.profile.legal_name}")
        lines.append(f"  fingerprint: {' '.join(one.words)}")
    lines += [f"manifest: {agency} {version}" for agency, version in shown.manifests]
    lines += ["authority of Kafka"] if shown.authority else []
    lines += [f"certificate: {one}" for one in shown.certificates]
    lines += [f"certificate of its own authority: {one}" for one in shown.own_certificates]
    return "\n".join(lines) or "The bundle is empty."


def agreements_json(agreements: Iterable[AgreementLine]) -> list[dict[str, Any]]:
    """Agreements and their signatures, for scripts."""
    return [
        {
            "name": one.name,
            "version": one.version,
            "deployment": one.deployment,
            "sha256": one.sha256,
            "signed": list(one.signed),
            "missing": list(one.missing),
        }
        for one in agreements
    ]


def agreement_lines(agreements: Iterable[AgreementLine]) -> Iterator[str]:
    """Agreements and their signatures."""
    for one in agreements:
        yield f"agreement: {one.name} {one.version} of {one.deployment}"
        yield f"  signed:  {', '.join(one.signed) or 'no party'}"
        yield f"  missing: {', '.join(one.missing) or 'no party'}"
