"""Output of the commands of an agency."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final

from broker.operations.agency_founding import Founded
from broker.partnership.entry import VerifiedEntry

_WORDS_IN_A_LINE: Final = 4
_OFFLINE: Final = (
    "Now take the folder {folder} offline: copy it to two sticks, check both, keep them in two "
    "safes, and remove it from this machine."
)
_AWAY: Final = "The governance keys are not in this folder. Keep them offline until you sign."


def founded_json(founded: Founded) -> dict[str, Any]:
    """The agency that was made, for scripts."""
    return {
        "agency": founded.entry.agency,
        "deployment": founded.entry.entry.deployment,
        "directory": str(founded.directory),
        "words": " ".join(founded.entry.words),
        "made": list(founded.made),
        "governance_here": founded.governance_here,
    }


def founded_text(founded: Founded, *, qr: bool) -> str:
    """Return the result, the fingerprint, and as the last line the advice on governance keys."""
    agency = founded.entry.agency
    lines = [f"The agency {agency} is in {founded.directory}."]
    if founded.made:
        lines += ["", "Made:", *(f"  {name}" for name in founded.made)]
    else:
        lines += ["Everything was there; nothing was changed."]
    lines += ["", *fingerprint_lines(founded.entry)]
    if qr:
        lines += ["", qr_code(founded.entry)]
    lines += [
        "",
        "Write its entry, the public file for the other agencies, with:",
        f"  concordant agency entry --agency {founded.directory} --out {agency}.entry",
        "",
        offline_line(founded),
    ]
    return "\n".join(lines)


def offline_line(founded: Founded) -> str:
    """Return the advice on the governance keys."""
    if not founded.governance_here:
        return _AWAY
    return _OFFLINE.format(folder=founded.directory / "governance")


def fingerprint_lines(entry: VerifiedEntry) -> Sequence[str]:
    """The fingerprint in lines of four words, as people read them out."""
    words = entry.words
    rows = [words[at : at + _WORDS_IN_A_LINE] for at in range(0, len(words), _WORDS_IN_A_LINE)]
    return [f"Fingerprint of {entry.agency}, in words:", *(f"  {'  '.join(row)}" for row in rows)]


def entry_json(entry: VerifiedEntry, file: str) -> dict[str, Any]:
    """An entry that was written, for scripts."""
    return {
        "agency": entry.agency,
        "deployment": entry.entry.deployment,
        "file": file,
        "words": " ".join(entry.words),
    }


def qr_code(entry: VerifiedEntry) -> str:
    """The fingerprint as a QR code of text characters."""
    import segno

    drawn = io.StringIO()
    text = f"concordant fingerprint {entry.agency}: {' '.join(entry.words)}"
    segno.make(text, micro=False, error="l").terminal(out=drawn, compact=True, border=2)
    return drawn.getvalue().rstrip("\n")
