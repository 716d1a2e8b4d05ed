"""Checks of partners: a person compared a fingerprint that the other agency read out.

A check is a file in `partners/`: who checked which fingerprint, how and when. It counts as long as
the partner's keys are those that were checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from broker.agency.participant import Participant, load_participant
from broker.errors import WrongInputError
from broker.keys.durable import SECRET_MODE, make_private_folder, write_durably
from broker.keys.governance import Governance
from broker.keys.instant import format_instant
from broker.keys.signed_document import Line
from broker.operations.bundle_reading import held_entries
from broker.operations.target_folder import writing
from broker.partnership.entry import parse_entry
from broker.partnership.fingerprint import fingerprint, fingerprint_words, read_words
from broker.registry.contracts import pinned_governance
from contracts.errors import ConcordantError
from contracts.model import Contract
from contracts.names import nearest
from contracts.phrases import N_, phrase

PARTNERS_FOLDER: Final = "partners"
Channel: TypeAlias = Literal["telephone", "in-person", "video"]
_LIMIT_BYTES: Final = 4096


class FingerprintDiffersError(ConcordantError):
    """The words that the other agency read out are not those of the keys that are held."""

    code = "fingerprint_differs"
    exit_code = 1


class PartnerCheck(BaseModel):
    """One check of one partner.

    Attributes:
        agency: the partner's id.
        fingerprint: of its id and governance keys, hexadecimal.
        by: who checked.
        channel: how the words were read out.
        time: when.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    agency: str
    fingerprint: str
    by: Line
    channel: Channel
    time: str


@dataclass(frozen=True, slots=True)
class Partner:
    """Another agency, and the check of the keys that are held of it; None if there is none."""

    agency: str
    legal_name: str
    words: tuple[str, ...]
    check: PartnerCheck | None


def check_partner(
    directory: Path, agency: str, words: str, by: str, channel: Channel, now: int
) -> PartnerCheck:
    """Compare the words that a partner read out, and record that they are the same.

    Args:
        directory: the agency's folder.
        agency: the partner's id.
        words: what was read out.
        by: who compares.
        channel: how it was read out.
        now: milliseconds since the epoch.

    Raises:
        FingerprintDiffersError: they are others; nothing is recorded.
        WrongInputError: `words_invalid`, `option_invalid`, `agency_own` or `agency_unknown`.
    """
    participant = load_participant(directory, now, unsigned_ok=True)
    if agency == participant.agency:
        raise WrongInputError(
            N_("This is the agency itself."),
            code="agency_own",
            where=agency,
            fix=N_("Name another agency, whose fingerprint was read out to you."),
        )
    keys = _known(participant)
    if agency not in keys:
        alike = nearest(agency, keys)
        raise WrongInputError(
            phrase("Nothing is held of an agency %(agency)s.", agency=repr(agency[:80])),
            code="agency_unknown",
            where=agency,
            fix=phrase("Did you mean %(names)s?", names=" or ".join(alike))
            if alike
            else N_("Add its entry first, or give the id as the agency writes it."),
        )
    typed = read_words(words)
    pair = next((p for p in keys[agency] if fingerprint_words(agency, p) == typed), None)
    if pair is None:
        raise FingerprintDiffersError(
            phrase(
                "The words are not those of the keys that are held of %(agency)s.", agency=agency
            ),
            where=agency,
            fix=phrase(
                "Sign nothing. Have %(agency)s read the words again. If they still "
                "differ, ask it for its entry on another way, and ask who sent the file.",
                agency=agency,
            ),
        )
    try:
        check = PartnerCheck(
            agency=agency,
            fingerprint=fingerprint(agency, pair).hex(),
            by=by,
            channel=channel,
            time=format_instant(now),
        )
    except ValidationError:
        raise WrongInputError(
            N_("The name of the person who checks is no single line of 1 to 200 characters."),
            code="option_invalid",
            where="--by",
            fix=N_("Give the name of the person who compared the words."),
        ) from None
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    with writing(directory / PARTNERS_FOLDER, "check"):
        make_private_folder(directory / PARTNERS_FOLDER)
        write_durably(
            directory / PARTNERS_FOLDER / f"{agency}.json",
            orjson.dumps(check.model_dump(), option=options),
            mode=SECRET_MODE,
        )
    return check


def checked_partners(participant: Participant) -> tuple[Partner, ...]:
    """Every other agency whose keys are held, and whether they were checked.

    Args:
        participant: the agency.
    """
    names = _legal_names(participant)
    return tuple(
        Partner(
            agency,
            names.get(agency, agency),
            fingerprint_words(agency, pairs[0]),
            check_of(participant.root, agency, pairs[0]),
        )
        for agency, pairs in sorted(_known(participant).items())
        if agency != participant.agency
    )


def own_words(participant: Participant) -> tuple[str, ...]:
    """Return the twelve words that this agency reads out to others; none without its own entry."""
    raw = held_entries(participant.root).get(participant.agency)
    if raw is None:
        return ()
    return fingerprint_words(participant.agency, parse_entry(raw).governance.public)


def unchecked_parties(participant: Participant, contract: Contract) -> tuple[str, ...]:
    """Parties of an agreement whose keys, as it pins them, were not checked; ours left out."""
    return tuple(
        party.id
        for party in contract.parties
        if party.id != participant.agency
        and check_of(participant.root, party.id, pinned_governance(contract, party.id)) is None
    )


def _known(participant: Participant) -> dict[str, tuple[Governance, ...]]:
    """Pairs by agency id: that of its entry, then those that agreements pin, newest first."""
    pairs: dict[str, list[Governance]] = {}
    for agency, raw in held_entries(participant.root).items():
        pairs.setdefault(agency, []).append(parse_entry(raw).governance.public)
    for signed in reversed(participant.contracts.all()):
        for agency in signed.contract.governance_keys:
            pairs.setdefault(agency, []).append(pinned_governance(signed.contract, agency))
    return {agency: tuple(dict.fromkeys(found)) for agency, found in pairs.items()}


def _legal_names(participant: Participant) -> dict[str, str]:
    names = {
        party.id: party.legal_name
        for signed in participant.contracts.all()
        for party in signed.contract.parties
    }
    for agency, raw in held_entries(participant.root).items():
        names[agency] = parse_entry(raw).profile.legal_name
    return names


def check_of(root: Path, agency: str, pair: Governance) -> PartnerCheck | None:
    """Return the check of exactly these keys of an agency; None if no person compared them."""
    try:
        with (root / PARTNERS_FOLDER / f"{agency}.json").open("rb") as file:
            check = PartnerCheck.model_validate(orjson.loads(file.read(_LIMIT_BYTES)))
    except (OSError, ValueError):
        return None
    same = (check.agency, check.fingerprint) == (agency, fingerprint(agency, pair).hex())
    return check if same else None
