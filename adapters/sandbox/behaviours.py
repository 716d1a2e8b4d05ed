"""Behaviours of simulated partners, as the command line names them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from broker.errors import WrongInputError
from contracts.names import suggestion

BehaviourName: TypeAlias = Literal["accept", "reject", "silent", "late", "rubbish"]
BEHAVIOURS: Final[tuple[BehaviourName, ...]] = get_args(BehaviourName)
LATE_S: Final = 20.0
"""Delay of a late partner, if none is given."""
LONGEST_S: Final = 86_400.0
_DURATION: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(s|m|h)?")
_UNITS: Final[Mapping[str, int]] = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Behaviour of one simulated partner towards the events that it receives.

    Attributes:
        name: `accept`: its system imports each event and answers where it can. `reject`: its
            system refuses each event with a reason. `silent`: its adapter does not run. `late`:
            as `accept`, after ``delay_s``. `rubbish`: as `accept`, and it sends faulty records.
        delay_s: seconds until a late partner takes an event.
    """

    name: BehaviourName = "accept"
    delay_s: float = 0.0


def behaviours_of(options: Iterable[str], partners: Collection[str]) -> Mapping[str, Behaviour]:
    """Return the behaviour of each partner.

    Args:
        options: each `ID=BEHAVIOUR`, and `ID=late:DURATION` for a delay.
        partners: ids of the partners; one that is not named accepts.

    Raises:
        WrongInputError: `option_invalid` or `agency_unknown`.
    """
    found = {agency: Behaviour() for agency in partners}
    for option in options:
        agency, equals, words = option.partition("=")
        name, colon, delay = words.partition(":")
        known = {one: one for one in BEHAVIOURS}
        if not equals or name not in known or (colon and name != "late"):
            raise WrongInputError(
                "This is not a behaviour of a partner.",
                code="option_invalid",
                where="--partner",
                fix=f"Give ID=BEHAVIOUR, with one of {', '.join(BEHAVIOURS)}; "
                "late can have a delay, for example council-camden=late:30s.",
            )
        if agency not in found:
            raise WrongInputError(
                f"{agency[:80]!r} is no partner in this agreement.",
                code="agency_unknown",
                where="--partner",
                fix=suggestion(agency, tuple(sorted(found))),
            )
        late = seconds_of(delay, "--partner") if delay else LATE_S
        found[agency] = Behaviour(known[name], late if name == "late" else 0.0)
    return found


def seconds_of(text: str, option: str) -> float:
    """Return the seconds of `60s`, `5m`, `1h` or a number of seconds.

    Raises:
        WrongInputError: `option_invalid`.
    """
    match = _DURATION.fullmatch(text)
    seconds = float(match[1]) * _UNITS[match[2] or "s"] if match else 0.0
    if not 0 < seconds <= LONGEST_S:
        raise WrongInputError(
            "This is not a duration.",
            code="option_invalid",
            where=option,
            fix="Give a number with s, m or h, for example 60s, and at most 24h.",
        )
    return seconds
