"""Request of `agency init`: options, answers on a terminal, and the folder's own plan."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from broker.cli.output import note
from broker.errors import WrongInputError
from broker.operations.agency_founding import FoundingPlan, passphrase_path
from broker.partnership.profile import CONTACTS, REQUIRED_CONTACTS
from contracts.loading import parse_draft, shipped_names, shipped_terms
from contracts.names import nearest

_ATTEMPTS: Final = 3
_OPTIONS: Final[Mapping[str, str]] = {
    "agency": "--id",
    "deployment": "--deployment",
    "profile.legal_name": "--name",
    "profile.role": "--role",
    "profile.area": "--area",
    "profile.registration": "--registration",
    "profile.regime": "--regime",
    "profile.contacts": "--contact",
    "adapter": "--adapter",
    "kafka": "--kafka",
    "passphrase_file": "--passphrase-file",
}
"""The option of each member of a plan."""
_FORMS: Final[Mapping[str, str]] = {
    "--id": "An id has 2 to 63 lower-case letters, digits and hyphens, and begins with a letter.",
    "--role": "A role has lower-case letters, digits and hyphens, such as police.",
    "--area": "An area is an ONS code: a letter and 8 digits, such as E09000007.",
    "--registration": "A registration has 8 characters, such as ZA123456.",
    "--kafka": "An address is HOST:PORT; several stand with commas between them.",
    "--contact": "A contact is FUNCTION=NAME,EMAIL.",
}
_QUESTIONS: Final[Mapping[str, str]] = {
    "--id": "Agency id, such as csu-camden",
    "--name": "Legal name of the body that signs",
    "--role": "Role in the agreement, such as police, prosecution, council or support",
    "--area": "ONS codes of the area it serves, with commas between them",
    "--adapter": "Kind of adapter (concordant adapter list shows them)",
    "--kafka": "Address of Kafka, HOST:PORT",
    "--passphrase-file": "File that holds the passphrase of the key files",
}
_KNOWN: Final = ", ".join(CONTACTS)
_DEPLOYMENT: Final = "unassigned"
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class AgencyOptions:
    """The given options; None means not given."""

    id: str | None
    name: str | None
    role: str | None
    area: tuple[str, ...]
    registration: str | None
    regime: str | None
    public_authority: bool | None
    third_party_reporting: bool | None
    deployment: str | None
    adapter: str | None
    kafka: str | None
    passphrase_file: Path | None
    contacts: tuple[str, ...]


def founding_plan(
    directory: Path, given: AgencyOptions, before: FoundingPlan | None
) -> FoundingPlan:
    """Return the plan from the options, else the folder's earlier plan, else a person's answers.

    Args:
        directory: the agency's folder.
        given: the options.
        before: the plan in the folder, None if there is none.

    Raises:
        WrongInputError: `option_missing` or `option_invalid`.
    """
    begun: dict[str, Any] = {} if before is None else before.model_dump(mode="json")
    profile: dict[str, Any] = begun.get("profile", {})
    values: dict[str, Any] = {
        "--id": given.id or begun.get("agency"),
        "--name": given.name or profile.get("legal_name"),
        "--role": given.role or profile.get("role"),
        "--area": _areas(given.area) or profile.get("area"),
        "--adapter": given.adapter or begun.get("adapter"),
        "--kafka": given.kafka or begun.get("kafka"),
        "--passphrase-file": begun.get("passphrase_file")
        if given.passphrase_file is None
        else passphrase_path(directory, given.passphrase_file),
    }
    contacts = _contacts(given.contacts) or dict(profile.get("contacts") or {})
    can_ask = _terminal()
    if can_ask:
        _ask(values, contacts, directory)
    lacking = [name for name, value in values.items() if not value]
    lacking += [f"--contact {one}=NAME,EMAIL" for one in REQUIRED_CONTACTS if one not in contacts]
    if lacking:
        raise WrongInputError(
            f"Missing: {', '.join(lacking)}.",
            code="option_missing",
            where="agency init",
            fix="Give each of them, or give the command on a terminal, which asks for them.",
        )
    said = {
        "legal_name": values["--name"],
        "role": values["--role"],
        "area": values["--area"],
        "registration": _first(given.registration, profile.get("registration")),
        "regime": _first(given.regime, profile.get("regime")),
        "public_authority": _first(given.public_authority, profile.get("public_authority")),
        "third_party_reporting": _first(
            given.third_party_reporting, profile.get("third_party_reporting"), False
        ),
        "relationship": profile.get("relationship", "separate-controller"),
        "contacts": contacts,
    }
    return _validated(
        {
            "agency": values["--id"],
            "deployment": _first(given.deployment, begun.get("deployment"), _DEPLOYMENT),
            "profile": said,
            "adapter": values["--adapter"],
            "kafka": values["--kafka"],
            "passphrase_file": values["--passphrase-file"],
        }
    )


def role_advice(role: str) -> str | None:
    """Return advice on a role that no terms of the software have; None for a role that they have.

    Terms of one's own may have other roles, so it is not refused.
    """
    outlines = (parse_draft(shipped_terms(one).encode(), one).contract for one in shipped_names())
    known = sorted({each for outline in outlines for each in outline.roles})
    if role in known:
        return None
    alike = nearest(role, known)
    hint = f"Did you mean {' or '.join(alike)}?" if alike else f"They have: {', '.join(known)}."
    return (
        f"No terms that come with the software have the role {role}. {hint} An entry keeps its "
        "role: to correct it, remove the folder and run the command again."
    )


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _areas(given: tuple[str, ...]) -> list[str]:
    return [area for text in given for area in re.split(r"[,\s]+", text) if area]


def _contacts(given: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in given:
        function, equals, rest = text.partition("=")
        if not equals:
            raise _invalid("--contact", f"{_FORMS['--contact']} FUNCTION is one of: {_KNOWN}.")
        function = function.strip().replace("-", "_")
        if function not in CONTACTS:
            alike = nearest(function, CONTACTS)
            raise _invalid(
                "--contact",
                f"Did you mean {' or '.join(alike)}?"
                if alike
                else f"FUNCTION is one of: {_KNOWN}.",
            )
        if function in found:
            raise _invalid("--contact", "Give each function once, as FUNCTION=NAME,EMAIL.")
        found[function] = _contact(rest)
    return found


def _contact(text: str) -> dict[str, str]:
    name, comma, email = text.rpartition(",")
    if not comma:
        raise _invalid("--contact", _FORMS["--contact"])
    return {"name": name.strip(), "email": email.strip()}


def _validated(values: Mapping[str, Any]) -> FoundingPlan:
    try:
        return FoundingPlan.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        place = [str(part) for part in found["loc"]]
        option = next(
            (_OPTIONS[".".join(place[:n])] for n in (2, 1) if ".".join(place[:n]) in _OPTIONS),
            ".".join(place),
        )
        raise _invalid(option, _FORMS.get(option, "")) from None


def _invalid(option: str, form: str) -> WrongInputError:
    return WrongInputError(
        "The value of an option has not the form that it needs.",
        code="option_invalid",
        where=option,
        fix=form or "Give one line of 1 to 200 characters, without hidden characters.",
    )


def _ask(values: dict[str, Any], contacts: dict[str, Any], directory: Path) -> None:
    for option, question in _QUESTIONS.items():
        if values[option]:
            continue
        answer = _answer(question)
        if option == "--area":
            values[option] = _areas((answer,))
        elif option == "--passphrase-file" and answer:
            values[option] = passphrase_path(directory, Path(answer))
        else:
            values[option] = answer
    for function in CONTACTS:
        if function in contacts:
            continue
        need = "" if function in REQUIRED_CONTACTS else " (empty if there is none)"
        words = function.replace("_", " ")
        found = _asked_again(
            lambda words=words, need=need: _answer(f"{words}: name, email{need}"),  # type: ignore[misc]
            function in REQUIRED_CONTACTS,
        )
        if found is not None:
            contacts[function] = found


def _asked_again(ask: Callable[[], str], required: bool) -> dict[str, str] | None:
    for _ in range(_ATTEMPTS):
        answer = ask()
        if not answer and not required:
            return None
        if "," in answer:
            return _contact(answer)
        note("Give a name, a comma and an email address.")
    return None


def _answer(question: str) -> str:
    note(f"{question}:")
    return sys.stdin.readline().strip()
