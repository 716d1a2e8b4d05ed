"""Own references beside shared ids, and own partner codes beside agency ids.

The agency that records a case first makes its random id; the others link their reference to it, so
one case has one id. A row carries the own reference, the shared id, or both. A row with both links
them.
"""

from __future__ import annotations

import random
import re
import uuid
from typing import Literal

from adapters.base import Context, MappingError
from adapters.mapping.place import Place
from adapters.mapping.references import DEFAULT_PATTERN, check_reference, check_uuid

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

LinkKind = Literal["case", "referral"]
_UNKNOWN = {"case": "unknown_case", "referral": "unknown_referral"}


def shared_id(
    kind: LinkKind,
    own: str,
    shared: str,
    place: Place,
    context: Context,
    *,
    mint: bool,
    pattern: str = DEFAULT_PATTERN,
) -> str | None:
    """The shared id that a row is about, linking or minting it where allowed.

    Args:
        kind: case or referral.
        own: the agency's own reference, or empty.
        shared: the shared id, or empty.
        place: for errors; the column of the own reference.
        context: the links.
        mint: whether an own reference without a link gets a new id.
        pattern: of an own reference.

    Returns:
        The id, or None when the row names none.

    Raises:
        MappingError: unknown_case or unknown_referral when the two contradict a former link or are
            not known; invalid_value.
    """
    shared = shared.lower()
    if own:
        check_reference(own, pattern, place)
    if shared and not _UUID.fullmatch(shared):
        raise place.error("invalid_value", "the shared id beside it is not a UUID")
    if shared:
        check_uuid(shared, place)
    if not own:
        return shared or None
    links = context.links
    linked = links.find_shared(kind, own)
    if shared:
        if linked is None:
            try:
                links.link(kind, own, shared)
            except MappingError:
                linked = ""
        if linked not in (None, shared):
            raise place.error(
                _UNKNOWN[kind],
                f"this {kind} and the shared id beside it were linked otherwise before",
                fix="Check both references; one of them belongs to another record.",
            )
        return shared
    if linked is not None:
        return linked
    if mint:
        return links.shared(kind, own)
    raise place.error(
        _UNKNOWN[kind],
        f"no {kind} with this reference was sent or received before",
        fix=f"Export the {kind} first, or fill in its shared id.",
    )


def referral_by_reference(text: str, place: Place, context: Context) -> str:
    """The shared id of another referral, named by shared id or own reference.

    Raises:
        MappingError: unknown_referral.
    """
    if _UUID.fullmatch(text.lower()):
        check_uuid(text.lower(), place)
        return text.lower()
    found = context.links.find_shared("referral", text)
    if found is None:
        raise place.error("unknown_referral", "no referral with this reference is known")
    return found


def own_referral(shared: str, context: Context) -> str:
    """The own reference of a referral, or an empty text."""
    return context.links.own("referral", shared) or ""


def partner_agency(code: str, place: Place, context: Context) -> str:
    """The agency behind an own partner code.

    An agency id itself is accepted where it is a partner's or one's own, because that is what is
    written for an agency without an own code.

    Raises:
        MappingError: unknown_partner.
    """
    agency = context.partners.get(code)
    if agency is not None:
        return agency
    if code == context.agency or code in context.partners.values():
        return code
    raise place.error(
        "unknown_partner",
        "the code is not one of this agency's partners",
        fix="Correct the record, or add the partner under [partners] in agency.toml.",
    )


class MemoryLinks:
    """Own references and shared ids in memory: a small real ``Links`` for samples and tests.

    The ids are reproducible; those of an agency come from its store and cannot be foreseen.
    """

    def __init__(self, seed: int = 1) -> None:
        self._rng = random.Random(seed)  # noqa: S311  # reproducible ids for tests and samples
        self._shared: dict[tuple[str, str], str] = {}
        self._own: dict[tuple[str, str], str] = {}

    def shared(self, kind: str, own_reference: str) -> str:
        """The shared id for an own reference, minted when there is none yet."""
        found = self._shared.get((kind, own_reference))
        if found is None:
            found = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
            self.link(kind, own_reference, found)
        return found

    def find_shared(self, kind: str, own_reference: str) -> str | None:
        """The shared id for an own reference, or None."""
        return self._shared.get((kind, own_reference))

    def own(self, kind: str, shared_id: str) -> str | None:
        """The own reference for a shared id, or None."""
        return self._own.get((kind, shared_id))

    def link(self, kind: str, own_reference: str, shared_id: str) -> None:
        """Tie the two together. Raises MappingError(unknown_case) on a conflict."""
        if (
            self._shared.get((kind, own_reference), shared_id) != shared_id
            or self._own.get((kind, shared_id), own_reference) != own_reference
        ):
            raise MappingError(f"this {kind} is linked otherwise", code="unknown_case")
        self._shared[kind, own_reference] = shared_id
        self._own[kind, shared_id] = own_reference

    def count(self) -> int:
        """How many links there are."""
        return len(self._shared)
