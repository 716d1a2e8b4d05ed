"""Rejected records as one file of the same form, to be corrected and dropped again.

Every ``raw`` is a whole file with one record (a header and a row; a root element with one child; a
line of JSON), so the records are joined inside what they have around them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_XML_HEAD = re.compile(r"\s*(?:<\?xml[^>]*\?>\s*)?<[^>]+>")


def rejected_file(suffix: str, raws: Sequence[str]) -> bytes:
    """Join records.

    Args:
        suffix: of the file they came from, with its dot.
        raws: ``Row.raw`` or ``Rejected.raw`` of one file; not empty.

    Returns:
        UTF-8; with a byte order mark for CSV, because people correct it in a spreadsheet program.
    """
    suffix = suffix.lower()
    if suffix == ".csv":
        header, _, _ = raws[0].partition("\n")
        # A quote that was never closed swallows what follows it, so such records come last.
        closed_first = sorted(raws, key=lambda raw: raw.count('"') % 2)
        rows = "".join(_ended(raw.removeprefix(header + "\n")) for raw in closed_first)
        return f"{header}\n{rows}".encode("utf-8-sig")
    if suffix == ".xml" and (head := _XML_HEAD.match(raws[0])) is not None:
        tail = raws[0][raws[0].rindex("</") :]
        inner = (raw.removeprefix(head.group()).removesuffix(tail) for raw in raws)
        return (head.group() + "".join(inner) + tail).encode()
    return "".join(_ended(raw) for raw in raws).encode()


def _ended(record: str) -> str:
    # A record that was cut off ends without its line end; the next one must begin on its own line.
    return record if record.endswith("\n") else record + "\n"
