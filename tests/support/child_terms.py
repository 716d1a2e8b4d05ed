"""Terms of a framework agreement for all and of child agreements for boroughs."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

FOR_ALL = ("critical-incident.declared", "correction.made")
OF_A_BOROUGH = ("referral.made", "referral.status-changed", "case.updated")
TYPE = re.compile(r"^  ([a-z.-]+):\n", re.MULTILINE)


def only(name: str, types: Collection[str]) -> Callable[[str], str]:
    """The shipped terms under another name, with these event types."""

    def changed(terms: str) -> str:
        head, rest = terms.split("\nevent_types:\n")
        at = rest.index("\nretention:\n")
        _, *parts = TYPE.split(rest[:at])
        kept = "".join(
            f"  {one}:\n{text}"
            for one, text in zip(parts[::2], parts[1::2], strict=True)
            if one in types
        )
        head = head.replace("name: london-hate-crime", f"name: {name}", 1)
        return f"{head}\nevent_types:\n{kept}{rest[at:]}"

    return changed
