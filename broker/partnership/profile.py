"""Profile of an agency: information in its entry besides keys, which an agreement repeats."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from broker.keys.signed_document import Line, without_hidden
from contracts.terms import Regime

REQUIRED_CONTACTS: Final = (
    "data_protection_officer",
    "breach",
    "rights_and_complaints",
    "operations",
)
OPTIONAL_CONTACTS: Final = ("siro", "caldicott_guardian")
CONTACTS: Final = (*REQUIRED_CONTACTS, *OPTIONAL_CONTACTS)
"""Functions of an agency that others may need to reach."""


Email = Annotated[
    str,
    StringConstraints(max_length=200, pattern=r"\A[^@\s<>,]+@[^@\s<>,]+\z"),
    AfterValidator(without_hidden),
]
AgencyId = Annotated[str, StringConstraints(pattern=r"\A[a-z][a-z0-9-]{0,61}[a-z0-9]\z")]
RoleId = Annotated[str, StringConstraints(pattern=r"\A[a-z][a-z0-9-]{0,62}\z")]
Area = Annotated[str, StringConstraints(pattern=r"\A[EWSNK][0-9]{8}\z")]
Registration = Annotated[str, StringConstraints(pattern=r"\A[A-Z][A-Z0-9]{7}\z")]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ContactDetails(_Document):
    """Contact of one function."""

    name: Line
    email: Email


class ContactList(_Document):
    """Contacts of an agency. It need not have a SIRO or a Caldicott guardian."""

    data_protection_officer: ContactDetails
    breach: ContactDetails
    rights_and_complaints: ContactDetails
    operations: ContactDetails
    siro: ContactDetails | None = None
    caldicott_guardian: ContactDetails | None = None


class Profile(_Document):
    """Public information about an agency.

    Attributes:
        legal_name: the name of the body that signs.
        role: its role in agreements, such as `police`.
        area: ONS codes of the area it serves.
        registration: its entry in the ICO's register of fee payers; None if it has none.
        regime: the law under which it processes; None takes the agreement's value for its role.
        relationship: whether it decides with the others why and how, or for itself.
        public_authority: whether it is one; None takes the agreement's value for its role.
        third_party_reporting: whether it takes reports from people who do not go to the police.
        contacts: contact of each function.
    """

    legal_name: Line
    role: RoleId
    area: Annotated[tuple[Area, ...], Field(min_length=1, max_length=64, strict=False)]
    registration: Registration | None = None
    regime: Regime | None = None
    relationship: Literal["joint-controller", "separate-controller"] = "separate-controller"
    public_authority: bool | None = None
    third_party_reporting: bool = False
    contacts: ContactList

    def party(self, agency: str, *, regime: Regime, public_authority: bool) -> dict[str, Any]:
        """Return the agency as a party of an agreement, as `contracts.drafting.draft` takes it.

        Args:
            agency: its id.
            regime: used if the profile names none.
            public_authority: used if the profile does not say.
        """
        values: dict[str, Any] = {
            "id": agency,
            "legal_name": self.legal_name,
            "role": self.role,
            "area": list(self.area),
        }
        if self.registration is not None:
            values["ico_registration"] = self.registration
        values |= {
            "regime": self.regime or regime,
            "relationship": self.relationship,
            "public_authority": public_authority
            if self.public_authority is None
            else self.public_authority,
        }
        if self.third_party_reporting:
            values["third_party_reporting"] = True
        values["contacts"] = self.contacts.model_dump(exclude_none=True)
        return values
