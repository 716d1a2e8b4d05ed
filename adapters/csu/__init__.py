"""Adapter for a police Community Safety Unit: a comma-separated crime information export.

There is one row per action, in cp1252 or UTF-8. The header is in capitals. The import has the same
columns and four more at its end. The system ends every row with CR LF, so a last row without CR LF
means that the file is incomplete.
"""

from __future__ import annotations

from adapters.mapping import DelimitedAdapter, Dialect

ADAPTER = DelimitedAdapter(
    "csu",
    __name__,
    Dialect(delimiter=",", legacy="cp1252", line_end="\r\n", ends_with_line_end=True),
)
"""The adapter that the entry-point group ``concordant.adapters`` loads."""
