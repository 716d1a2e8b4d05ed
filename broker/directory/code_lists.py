"""Code lists of a vocabulary from which listings take their codes.

The codes of needs are those of what a referral asks for. The list of the motivations is data of
this package, because a vocabulary does not say which list it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from broker.directory.listing_file import ListedCodes
from contracts.referral import service_path
from contracts.vocabulary import Vocabulary

_FILE: Final = Path(__file__).parent / "data" / "code_lists.json"


def listed_codes(vocabularies: Iterable[Vocabulary]) -> ListedCodes:
    """Return the codes that these vocabularies have, with their labels."""
    needs: dict[str, str] = {}
    strands: dict[str, str] = {}
    for vocabulary in vocabularies:
        needs |= _needs(vocabulary)
        name = _known_lists().get(vocabulary.form.vocabulary, {}).get("strands")
        listed = vocabulary.code_lists.get(name) if name else None
        if listed is not None:
            strands |= listed.codes
    return ListedCodes(needs, strands)


def _needs(vocabulary: Vocabulary) -> Mapping[str, str]:
    path = service_path(vocabulary)
    if path is None or vocabulary.referrals is None:
        return {}
    made = vocabulary.type(vocabulary.referrals.made.type)
    name = made.leaves[path].form.value.code
    return {} if name is None else vocabulary.code_lists[name].codes


@cache
def _known_lists() -> Mapping[str, Mapping[str, str]]:
    found: Mapping[str, Mapping[str, str]] = json.loads(_FILE.read_text("utf-8"))
    return found
