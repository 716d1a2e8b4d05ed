"""Names of agencies for people."""

from __future__ import annotations

from typing import Final

from broker.agency.config import AgencyConfig

_CAPITALS: Final = frozenset({"csu", "cps", "nhs", "mps", "tpr"})


def name_of(config: AgencyConfig, agency: str) -> str:
    """Return an agency's name: that of ``[web] names``, or its id in words.

    Args:
        config: settings of the agency that shows the name.
        agency: id of the named agency.
    """
    return config.web.names.get(agency) or in_words(agency)


def in_words(agency: str) -> str:
    """Return an agency id in words: `haven-support` is Haven Support."""
    return " ".join(
        word.upper() if word in _CAPITALS else word[:1].upper() + word[1:]
        for word in agency.split("-")
    )
