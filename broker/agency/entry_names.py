"""Rules for the names of entries of an import folder.

Some names are never exports: those that desktops and file servers make, those of unfinished files,
and those of the adapter's own reports.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

NameRule: TypeAlias = Literal["system", "report", "unfinished"]

SYSTEM_NAMES: Final = frozenset(
    {
        "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information",
        ".ds_store", ".localized", ".directory", ".trashes", ".fseventsd", ".spotlight-v100",
        ".temporaryitems", ".apdisk", "@eadir", "#recycle", ".snapshot", "lost+found", "__macosx",
    }
)  # fmt: skip
"""Names made by Windows, macOS, Linux desktops and file servers; always ignored."""
SYSTEM_BEGINNINGS: Final = ("._", ".nfs", ".fuse_hidden", ".smbdelete", ".trash-")
REPORT_ENDINGS: Final = (".left-out.json", ".reason.json", ".results.csv")
"""The adapter's own reports, moved here with their file."""
UNFINISHED_ENDINGS: Final = (
    ".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".opdownload", ".filepart",
    ".!ut", ".aria2", ".unfinished", ".incomplete", ".swp", ".swx", ".lock", ".lck", ".bak~", "~",
)  # fmt: skip
UNFINISHED_BEGINNINGS: Final = (".", "~")


def name_rule(name: str) -> NameRule | None:
    """Return the rule for a name; None for a name that is taken."""
    lower = name.lower()
    if lower in SYSTEM_NAMES or lower.startswith(SYSTEM_BEGINNINGS):
        return "system"
    if lower.endswith(REPORT_ENDINGS):
        return "report"
    if lower.endswith(UNFINISHED_ENDINGS) or lower.startswith(UNFINISHED_BEGINNINGS):
        return "unfinished"
    return None


def usable_as_marker(ending: str) -> bool:
    """Return whether a done marker can have this ending.

    An ending of unfinished files would mark an export before it is complete. An ending of the
    adapter's own reports would make each report the marker of another file.
    """
    lower = ending.lower()
    return name_rule(f"export{lower}") is None and not any(
        report.endswith(lower) for report in REPORT_ENDINGS
    )
