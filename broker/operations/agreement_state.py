"""State of each agreement in an agency's folder, and the next step of each.

Every command takes both from here: `contract verify`, `contract status`, `contract explain`,
`status`, `doctor` and `agency status`. So they cannot disagree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from shlex import quote
from typing import Final, Literal, TypeAlias

from broker.agency.participant import Participant
from broker.operations.bundle_reading import AgreementLine, line_of
from broker.operations.partner_checks import unchecked_parties
from broker.operations.signatories import awaiting_signature
from broker.registry.contracts import SignedContract
from contracts.phrases import N_, Phrase, phrase
from contracts.status import ContractStatus, State

Own: TypeAlias = State | Literal["superseded"]
"""State of this agency's own part in a version of an agreement.

`superseded`: a newer version has replaced it.
"""
OURSELVES: Final = N_("this agency")


@dataclass(frozen=True, slots=True)
class NextStep:
    """The next step.

    Attributes:
        by: agency or host that has to act.
        what: the instruction.
        command: the command for it, or None.
    """

    by: str
    what: Phrase
    command: str | None = None


@dataclass(frozen=True, slots=True)
class AgreementState:
    """A version of an agreement and its state for this agency.

    Attributes:
        line: name, version, hash and signers.
        file: its path.
        state: state of this agency's own part.
        starts, ends: first and last day.
        ends_ms: first millisecond after the last day.
        awaits_us: True if this agency has to sign it.
        departed: parties that suspended their part or left, with the state of each.
        unchecked: parties whose fingerprint was not compared, if this agency has to sign.
        ambiguous: True if another version of this name applies at the same time.
        step: the next step for this version, or None.
    """

    line: AgreementLine
    file: str
    state: Own
    starts: date
    ends: date
    ends_ms: int
    awaits_us: bool
    departed: Mapping[str, str]
    unchecked: tuple[str, ...] = ()
    ambiguous: bool = False
    step: NextStep | None = None

    @property
    def named(self) -> str:
        """Return name and version."""
        return f"{self.line.name} {self.line.version}"


def agreement_states(participant: Participant, now: int) -> tuple[AgreementState, ...]:
    """Return every agreement in an agency's folder, with its state for this agency.

    Args:
        participant: the agency.
        now: milliseconds since the epoch.
    """
    waiting = {one.hash for one in awaiting_signature(participant, now)}
    live = participant.contracts.live(now)
    names = Counter(one.contract.name for one in live)
    applying = {one.hash for one in live}
    return tuple(
        _state(
            participant,
            signed,
            now,
            awaits_us=signed.hash in waiting,
            replaced=signed.hash not in applying,
            ambiguous=signed.hash in applying and names[signed.contract.name] > 1,
        )
        for signed in participant.contracts.all()
    )


def _state(
    participant: Participant,
    signed: SignedContract,
    now: int,
    *,
    awaits_us: bool,
    replaced: bool,
    ambiguous: bool,
) -> AgreementState:
    status = participant.contract_status(signed, now)
    own: Own = status.party_state(participant.agency) if status.in_force else status.state
    if own == "in_force" and replaced:
        own = "superseded"
    line = line_of(signed)
    step = None
    unchecked = unchecked_parties(participant, signed.contract) if awaits_us else ()
    if awaits_us:
        step = _sign_step(participant, signed, unchecked)
    elif participant.agency in line.signed and now < signed.contract.ends_ms:
        step = _signed_step(participant, signed, own, status)
    elif participant.officer is not None and now < signed.contract.ends_ms:
        step = _officer_step(participant, signed)
    return AgreementState(
        line,
        signed.text.where,
        own,
        signed.contract.starts,
        signed.contract.ends,
        signed.contract.ends_ms,
        awaits_us,
        {agency: one.state for agency, one in status.departed.items()},
        unchecked,
        ambiguous,
        step,
    )


def _sign_step(
    participant: Participant, signed: SignedContract, unchecked: tuple[str, ...]
) -> NextStep:
    """Return the step of a version that awaits this agency: compare fingerprints, then sign."""
    folder = shell_path(participant.root)
    named = f"{signed.contract.name} {signed.contract.version}"
    if unchecked:
        return NextStep(
            OURSELVES,
            phrase(
                "Before this agency signs %(named)s: telephone %(unchecked)s, ask for "
                "its twelve words, and type them into this command. Not checked: "
                "%(names)s.",
                named=named,
                unchecked=unchecked[0],
                names=", ".join(unchecked),
            ),
            f'concordant agency check-partner {unchecked[0]} --words "..." --by "YOUR NAME" '
            f"--channel telephone --agency {folder}",
        )
    return NextStep(
        OURSELVES,
        phrase(
            "Read %(named)s (concordant contract explain). Bring the governance keys, and sign it.",
            named=named,
        ),
        f'concordant contract sign --agency {folder} --as "NAME, CAPACITY"',
    )


def _officer_step(participant: Participant, signed: SignedContract) -> NextStep | None:
    """Return the step of a version that one officer has signed, and too few others."""
    notes = signed.notes_of(participant.agency)
    if not notes:
        return None
    done = [note.officer for note in notes]
    pinned = signed.contract.governance_keys[participant.agency].pairs
    others = [str(one) for one in pinned if one not in done]
    return NextStep(
        " or ".join(others),
        phrase(
            "One more officer must sign %(name)s %(version)s. Make a bundle, give it "
            "to the officer, and add the bundle that comes back.",
            name=signed.contract.name,
            version=signed.contract.version,
        ),
        f"concordant bundle make --agency {shell_path(participant.root)} "
        f"--out {participant.agency}.bundle",
    )


def _signed_step(
    participant: Participant, signed: SignedContract, state: Own, status: ContractStatus
) -> NextStep | None:
    folder = shell_path(participant.root)
    named = f"{signed.contract.name} {signed.contract.version}"
    if state == "partially_signed" and signed.missing:
        return NextStep(
            ", ".join(signed.missing),
            phrase(
                "The signatures of %(names)s on %(named)s are missing. If you have not "
                "sent them your signature yet, make a bundle with this command and send "
                "it. They sign and send you a bundle: add it with concordant bundle add.",
                names=", ".join(signed.missing),
                named=named,
            ),
            f"concordant bundle make --agency {folder} --out {participant.agency}.bundle",
        )
    if state == "not_started":
        return NextStep(
            OURSELVES,
            phrase(
                "Every party has signed. %(named)s is in force from %(starts)s. Until "
                "then there is nothing to do.",
                named=named,
                starts=signed.contract.starts,
            ),
        )
    if state == "suspended" and participant.agency in status.departed:
        return NextStep(
            OURSELVES,
            phrase(
                "This agency has suspended its part of %(name)s. When the reason no "
                "longer applies, bring the governance keys, and resume its part.",
                name=signed.contract.name,
            ),
            f"concordant contract resume --contract {signed.contract.name} --reason resolved "
            f"--agency {folder}",
        )
    gone = sorted(one for one, departure in status.departed.items() if departure.state == "left")
    if state == "in_force" and gone:
        leaving = " ".join(f"--remove {one}" for one in gone)
        return NextStep(
            OURSELVES,
            phrase(
                "%(names)s left %(name)s. Agree with the other parties which of you "
                "writes the next version without it, and sign that version.",
                names=", ".join(gone),
                name=signed.contract.name,
            ),
            f"concordant contract revise {shell_path(Path(signed.text.where))} {leaving} "
            "--out next.yaml",
        )
    return None


def shell_path(path: Path) -> str:
    """Return a path as a shell needs it."""
    return quote(str(path))
