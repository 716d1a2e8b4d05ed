"""Links between own references and shared ids, and between partner codes and agency ids.

The agency that records a case first makes its random id. The others link their reference to it, so
one case has one id. A row carries the own reference, the shared id, or both. A row with both links
them.
"""

from __future__ import annotations

import random
import re
import uuid
from typing import Literal

from adapters.base import Context, FilePlace, MappingError
from adapters.mapping.references import DEFAULT_PATTERN, check_reference, check_uuid

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

LinkKind = Literal["case", "referral"]
_UNKNOWN = {"case": "unknown_case", "referral": "unknown_referral"}


def shared_id(
    kind: LinkKind,
    own: str,
    shared: str,
    place: FilePlace,
    context: Context,
    *,
    mint: bool,
    pattern: str = DEFAULT_PATTERN,
) -> str | None:
    """Return the shared id that a row names; link or mint it where allowed.

    Args:
        kind: case or referral.
        own: the agency's own reference, or empty.
        shared: the shared id, or empty.
        place: column of the own reference, for errors.
        context: the links.
        mint: whether an own reference without a link gets a new id.
        pattern: pattern of an own reference.

    Returns:
        The id, or None when the row names none.

    Raises:
        MappingError: ``unknown_case`` or ``unknown_referral``: one of the two is linked to another
            record, or the own reference is not known; ``invalid_value``.
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
                f"this {kind} and the shared id beside it are already linked to other ids",
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


def referral_by_reference(text: str, place: FilePlace, context: Context) -> str:
    """Return the shared id of another referral, named by shared id or own reference.

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
    """Return the own reference of a referral, or an empty text."""
    return context.links.own("referral", shared) or ""


def partner_agency(code: str, place: FilePlace, context: Context) -> str:
    """Return the agency id of an own partner code.

    An agency id is accepted too, if it is this agency's own or a partner's. The adapter itself
    writes an agency that has no partner code by its id.

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
    """In-memory ``Links`` for samples and tests.

    Its ids are reproducible; an agency's real ids come from its store and are random.
    """

    def __init__(self, seed: int = 1) -> None:
        self._rng = random.Random(seed)  # noqa: S311  # reproducible ids for tests and samples
        self._shared: dict[tuple[str, str], str] = {}
        self._own: dict[tuple[str, str], str] = {}

    def shared(self, kind: str, own_reference: str) -> str:
        """Return the shared id for an own reference; mint one when there is none yet."""
        found = self._shared.get((kind, own_reference))
        if found is None:
            found = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
            self.link(kind, own_reference, found)
        return found

    def find_shared(self, kind: str, own_reference: str) -> str | None:
        """Return the shared id for an own reference, or None."""
        return self._shared.get((kind, own_reference))

    def own(self, kind: str, shared_id: str) -> str | None:
        """Return the own reference for a shared id, or None."""
        return self._own.get((kind, shared_id))

    def link(self, kind: str, own_reference: str, shared_id: str) -> None:
        """Link the two. Raises MappingError(unknown_case) on a conflict."""
        if (
            self._shared.get((kind, own_reference), shared_id) != shared_id
            or self._own.get((kind, shared_id), own_reference) != own_reference
        ):
            raise MappingError(f"this {kind} is already linked to another id", code="unknown_case")
        self._shared[kind, own_reference] = shared_id
        self._own[kind, shared_id] = own_reference

    def count(self) -> int:
        """Return the number of links."""
        return len(self._shared)
