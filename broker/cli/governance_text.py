"""Output of `concordant agency governance`."""

from __future__ import annotations

import io
from typing import Any, Final

from broker.operations.governance_paper import PaperKeys, ReadKeys
from broker.partnership.paper_key import qr_text

_IN_A_ROW: Final = 5


def page_json(page: PaperKeys) -> dict[str, Any]:
    """A page, for programs that print."""
    return {
        "agency": page.agency,
        "deployment": page.deployment,
        "fingerprint": " ".join(page.fingerprint),
        "words": list(page.words),
        "qr": qr_text(page.agency, page.words),
    }


def page_text(page: PaperKeys) -> str:
    """A page to print: numbered words in rows of five, and a QR code."""
    numbered = [f"{number:>2} {word:<8}" for number, word in enumerate(page.words, 1)]
    rows = [numbered[at : at + _IN_A_ROW] for at in range(0, len(numbered), _IN_A_ROW)]
    return "\n".join(
        [
            f"GOVERNANCE KEYS OF {page.agency}   (deployment: {page.deployment})",
            "Secret. This page alone can sign for the agency. Keep it in a sealed envelope in a "
            "safe.",
            "",
            *("  ".join(row).rstrip() for row in rows),
            "",
            "To use it:  concordant agency governance read --agency DIR",
            f"Fingerprint (public):  {' '.join(page.fingerprint)}",
            "",
            _qr_code(qr_text(page.agency, page.words)),
        ]
    )


def _qr_code(text: str) -> str:
    import segno

    drawn = io.StringIO()
    segno.make(text, micro=False, error="m").terminal(out=drawn, compact=True, border=2)
    return drawn.getvalue().rstrip("\n")


def read_json(found: ReadKeys) -> dict[str, Any]:
    """Keys that were read, for scripts; nothing secret."""
    return {
        "agency": found.agency,
        "fingerprint": " ".join(found.fingerprint),
        "folder": str(found.folder),
        "made": found.made,
    }


def read_text(found: ReadKeys) -> str:
    """Keys that were read, for people."""
    done = "are in" if found.made else "were in"
    return (
        f"The governance keys of {found.agency} {done} {found.folder}. They are the keys that "
        "agency.toml names.\nSign, then take the folder offline again."
    )
