"""Simulated case system of an agency: what it holds, exports and imports.

It knows nothing of Kafka, keys or other agencies' formats. It reads arriving events from the inbox
folder as the agency's system would import them, and drops exports in its own format into the
watched folder. It makes its own references and only copies shared ids.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adapters.base import AgencyAdapter, Context, Row
from adapters.catalogue import adapter_named
from adapters.demo.own_form import OwnForm, own_form
from adapters.demo.samples.sample_rows import rendered
from adapters.mapping import MemoryLinks, RowMapping
from broker.agency.config import load_config
from broker.event import JSON


@dataclass(frozen=True, slots=True)
class Arrival:
    """One file of the inbox.

    Attributes:
        event_id: id from the file name.
        type: event type, derived from the agency's own kind of row.
        values: the row as the agency's system imports it.
        flat: the same values in the shared vocabulary, by leaf path.
        sender: own code of the partner that sent it.
        file: path of the file.
        at: when it was written, seconds since the epoch.
    """

    event_id: str
    type: str
    values: Mapping[str, object]
    flat: Mapping[str, JSON]
    sender: str
    file: Path
    at: float


@dataclass(slots=True)
class Referral:
    """A referral in one side's case system.

    Attributes:
        own: own reference.
        shared: shared id; empty until the partner's first answer names it.
        case: own reference of the case.
        shared_case: shared id of the case.
        partner: own code of the other side.
        service: the requested service.
        status, version: as this side knows them.
        plan: the next steps of this side's staff, in order: (status, reason).
        row: the exported row, for a referral that this side made.
    """

    own: str
    shared: str
    case: str
    shared_case: str
    partner: str
    service: str
    status: str = "requested"
    version: int = 1
    plan: list[tuple[str, str]] = field(default_factory=list)
    row: Mapping[str, object] | None = None


class Desk:
    """One agency's staff and their case system.

    Attributes:
        agency: id of the agency.
        kind: its kind of adapter.
        incoming: referrals made to it, by own reference.
        outgoing: referrals that it made, by (own reference, own code of the partner).
        arrivals: everything that arrived, oldest first.
        dropped: when each export was complete, by file name, seconds since the epoch.
    """

    def __init__(self, directory: Path) -> None:
        config = load_config(directory)
        self.agency = config.agency
        self.kind = config.adapter.kind
        self.directory = directory
        self.partners: Mapping[str, str] = config.partners
        self.adapter: AgencyAdapter = adapter_named(self.kind)
        self.form: OwnForm = own_form(self.kind)
        self.incoming: dict[str, Referral] = {}
        self.outgoing: dict[tuple[str, str], Referral] = {}
        self.arrivals: list[Arrival] = []
        self.dropped: dict[str, float] = {}
        self._cases: dict[str, str] = {}
        self._seen: set[str] = set()
        self._exports = 0
        self._minted = 0

    @property
    def mapping(self) -> RowMapping:
        """Return the agency's own terms."""
        return self.form.mapping

    def code_of(self, agency: str) -> str:
        """Return the own code of a partner."""
        return next(code for code, partner in self.partners.items() if partner == agency)

    # --- imports ----------------------------------------------------------------------------------

    def look(self) -> list[Arrival]:
        """Import new files of the inbox folder."""
        folder = self.directory / "inbox"
        with os.scandir(folder) as entries:
            new = [e for e in entries if e.name not in self._seen and not e.name.startswith(".")]
        found = [self._import(Path(entry.path)) for entry in new]
        self._seen.update(entry.name for entry in new)
        found.sort(key=lambda arrival: arrival.at)
        self.arrivals += found
        for arrival in found:
            self._register(arrival)
        return found

    def _import(self, file: Path) -> Arrival:
        (values,) = self.adapter.read_back(file.read_bytes())
        row = Row(1, values, 0, 0)
        context = Context(self.agency, dict(self.partners), MemoryLinks())
        outgoing = self.form.importing.to_event(row, context)
        assert outgoing is not None, "an imported record is one that the form sends"
        event = outgoing.event
        return Arrival(
            event_id=file.name.split(".")[0],
            type=event.type,
            values=values,
            flat=self.mapping.document.words.type(event.type).flatten(event.data),
            sender=str(values[self.mapping.document.roles.received_from]),
            file=file,
            at=file.stat().st_mtime,
        )

    def _register(self, arrival: Arrival) -> None:
        flat = arrival.flat
        if arrival.type == "referral.made":
            own = self.form.referral_reference(self._number())
            self.incoming[own] = Referral(
                own=own,
                shared=str(flat["referral_id"]),
                case=self.case_of(arrival),
                shared_case=str(flat["case_id"]),
                partner=arrival.sender,
                service=str(flat["requested_service"]),
            )
        elif arrival.type == "referral.status-changed":
            reference = str(arrival.values.get(self.mapping.document.roles.referral, ""))
            referral = self.outgoing.get((reference, arrival.sender)) or self.incoming.get(
                reference
            )
            if referral is not None:
                version = flat["version"]
                assert isinstance(version, int)
                referral.status, referral.version = str(flat["status"]), version
                referral.shared = str(flat["referral_id"])
                if flat.get("business_status") == "cancellation-requested":
                    referral.plan = [("cancelled", "needs_met_elsewhere")]

    def case_of(self, arrival: Arrival) -> str:
        """Return the own reference of the case that an arrival is about; a new case gets one."""
        shared = str(arrival.flat["case_id"])
        known = str(arrival.values.get(self.mapping.document.roles.case, ""))
        if shared not in self._cases:
            self._cases[shared] = known or self.form.case_reference(self._number())
        return self._cases[shared]

    def _number(self) -> int:
        self._minted += 1
        return 90_000 + self._minted

    # --- exports ----------------------------------------------------------------------------------

    def row(
        self,
        event_type: str,
        leaves: Mapping[str, JSON],
        to: Sequence[str],
        *,
        case: str,
        shared_case: str = "",
        referral: str = "",
        shared_referral: str = "",
        kind: str = "",
    ) -> dict[str, object]:
        """Return one row in the agency's own terms.

        Args:
            event_type: the event type that the row becomes.
            leaves: values by path; ids are the references below.
            to: own codes of the recipients.
            case: own reference of the case.
            shared_case: shared id of the case, if it is known here.
            referral: own reference of the referral.
            shared_referral: shared id of the referral, if it is known here.
            kind: the agency's own kind of row, where it has several for one type.
        """
        row = rendered(
            self.mapping,
            event_type,
            leaves,
            recipients=to,
            case=case,
            shared_case=shared_case,
            referral=referral,
            shared_referral=shared_referral,
            partners=self.partners,
        )
        if kind:
            row[self.mapping.document.roles.kind] = kind
        return row | self.form.always()

    def status_row(
        self, referral: Referral, status: str, *, reason: str = "", business: str = ""
    ) -> dict[str, object]:
        """Return a row that changes a referral's status, and update the referral."""
        leaves: dict[str, JSON] = {
            "version": referral.version + 1,
            "previous_status": referral.status,
            "status": status,
        }
        if reason:
            leaves["reason"] = reason
        if business:
            leaves["business_status"] = business
        referral.status, referral.version = status, referral.version + 1
        return self.row(
            "referral.status-changed",
            leaves,
            [referral.partner],
            case=referral.case,
            shared_case=referral.shared_case,
            referral=referral.own,
            shared_referral=referral.shared,
        )

    def remember(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Store the referrals that the exported rows make."""
        roles = self.mapping.document.roles
        made = self.form.kind_of("referral.made")
        for row in rows:
            if row.get(roles.kind) != made:
                continue
            raw = row[roles.recipients]
            codes = (
                [str(code) for code in raw]
                if isinstance(raw, list)
                else str(raw).split(roles.recipients_separator)
            )
            for code in (code.strip() for code in codes):
                own = str(row[roles.referral])
                self.outgoing.setdefault(
                    (own, code),
                    Referral(
                        own=own,
                        shared="",
                        case=str(row[roles.case]),
                        shared_case=str(row.get(roles.shared_case, "")),
                        partner=code,
                        service=str(row.get(self.form.column("requested_service"), "")),
                        row=row,
                    ),
                )

    @property
    def busy(self) -> bool:
        """Return whether an export is still in the watched folder."""
        with os.scandir(self.directory / "import") as entries:
            return any(True for _ in entries)

    def export(self, rows: Sequence[Mapping[str, object]], stem: str = "export") -> str:
        """Write rows as one file into the watched folder. Returns its name."""
        self.remember(rows)
        self._exports += 1
        name = f"{stem}-{self._exports:03d}{self.adapter.suffixes[0]}"
        self.drop(name, self.form.write(rows))
        return name

    def drop(self, name: str, content: bytes) -> None:
        """Put a file into the watched folder."""
        part = self.directory / "import" / f"{name}.part"
        part.write_bytes(content)
        part.replace(part.with_name(name))
        self.dropped[name] = time.time()
