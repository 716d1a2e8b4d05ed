"""Choice of one contract from a file or an agency's folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from broker.agency.participant import Participant, load_participant
from broker.errors import RegistryError, WrongInputError
from broker.operations.agreement_documents import framework_text
from broker.operations.agreement_state import AgreementState, agreement_states
from broker.registry.contracts import SignedContract
from contracts.loading import ContractText, load_contract
from contracts.model import Contract
from contracts.names import nearest
from contracts.status import ContractStatus


@dataclass(frozen=True, slots=True)
class Chosen:
    """The chosen contract; if an agency was named, its status and the states of all versions.

    `framework` is the text of the framework agreement that it pins, if that is here.
    """

    text: ContractText
    status: ContractStatus | None
    states: tuple[AgreementState, ...] = ()
    framework: str | None = None

    @property
    def state(self) -> AgreementState | None:
        """Return its state for the agency that was named."""
        digest = self.text.hash.hex()
        return next((one for one in self.states if one.line.sha256 == digest), None)

    @property
    def contract(self) -> Contract:
        """Return its terms."""
        return self.text.contract


def choose(file: Path | None, agency: Path | None, name: str | None, now: int) -> Chosen:
    """Return the contract of a file, or the one of an agency in force now (else its newest).

    Raises:
        ConcordantError: it cannot be read, or the agency's folder is inconsistent;
            `contract_missing` or `contract_ambiguous`.
        WrongInputError: `contract_unknown`.
    """
    if file is not None:
        text = load_contract(file)
        if name is not None and name != text.contract.name:
            raise no_such_contract(name, (text.contract.name,), "The file holds")
        return Chosen(text, None, framework=framework_text(None, text.contract))
    assert agency is not None
    participant = load_participant(agency, now, unsigned_ok=True)
    signed = select(participant, name, now)
    states = agreement_states(participant, now)
    status = participant.contract_status(signed, now)
    framework = framework_text(agency, signed.contract)
    return Chosen(signed.text, status, states, framework)


def select(participant: Participant, name: str | None, now: int) -> SignedContract:
    """Return the contract in force now, or the newest one if none is.

    Raises:
        RegistryError: `contract_missing` or `contract_ambiguous`.
        WrongInputError: `contract_unknown`.
    """
    known = [s for s in participant.contracts.all() if name is None or s.contract.name == name]
    if name is not None and not known:
        names = dict.fromkeys(signed.contract.name for signed in participant.contracts.all())
        raise no_such_contract(name, tuple(names), "This agency has")
    if len(known) == 1:
        return known[0]
    try:
        return participant.contract_in_force(now, name).signed
    except RegistryError as error:
        if error.code in {"contract_missing", "contract_ambiguous"}:
            raise
        return known[-1]


def no_such_contract(name: str, known: Sequence[str], where: str) -> WrongInputError:
    """Return the error for an unknown name, with the known ones and a suggestion."""
    alike = nearest(name, known)
    meant = f" Did you mean {alike[0]}?" if alike else ""
    return WrongInputError(
        f"There is no contract called {name}.",
        code="contract_unknown",
        fix=f"{where}: {', '.join(known) or 'none'}.{meant}",
    )
