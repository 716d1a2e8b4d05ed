"""Sections of `agency.toml`.

The file is read strictly: an unknown key is an error that names the key. Otherwise a service could
run for months with a default because a setting is misspelt. Paths are relative to the agency's
directory. The file holds no secret.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from broker.keys.governance import OFFICER_NAME
from broker.statements.heartbeats import SILENT_INTERVALS
from contracts.parties import OFFICERS_LIMIT

Name = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?\z")]
"""Id of an agency or a deployment: one part of an origin."""
Text = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
StorePath = Annotated[
    str,
    StringConstraints(
        pattern=r"\A[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*/?\z",
        max_length=512,
    ),
]
"""Path in Vault or OpenBao, without a part that begins with a dot."""
HttpsAddress = Annotated[
    str,
    StringConstraints(
        pattern=r"\Ahttps://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/?\z",
        max_length=512,
    ),
]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Days = Annotated[int, Field(ge=0, le=36_500)]
SYSTEM_AUTHORITIES: Final = "system"
"""Value of a `ca` that trusts the authorities of the operating system."""


class Section(BaseModel):
    """A part of the file, in which an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


OfficerName = Annotated[str, StringConstraints(pattern=OFFICER_NAME)]


class OfficerSection(Section):
    """Ids of the governance keys of one officer."""

    name: OfficerName
    ed25519: Text
    ml_dsa_65: Text


def _several(found: tuple[OfficerSection, ...]) -> tuple[OfficerSection, ...]:
    names = {one.name for one in found}
    if len(names) != len(found) or len(found) == 1:
        raise ValueError("an agency has no officers, or two or three with different names")
    return tuple(sorted(found, key=lambda one: one.name))


def _fingerprints(
    ed25519: str | None, ml_dsa_65: str | None, officers: tuple[OfficerSection, ...]
) -> tuple[str, ...]:
    if officers:
        return tuple(kid for one in officers for kid in (one.ed25519, one.ml_dsa_65))
    return tuple(kid for kid in (ed25519, ml_dsa_65) if kid is not None)


Officers = Annotated[
    tuple[OfficerSection, ...],
    Field(max_length=OFFICERS_LIMIT, strict=False),
    AfterValidator(_several),
]


class FormerGovernance(Section):
    """Ids of governance keys that this agency has replaced: one pair, or those of its officers."""

    ed25519: Text | None = None
    ml_dsa_65: Text | None = None
    officers: Officers = ()

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Return the ids, as `Governance.fingerprints` of the broker's keys has them."""
        return _fingerprints(self.ed25519, self.ml_dsa_65, self.officers)


class GovernanceSection(Section):
    """Ids of this agency's own governance keys, which identify a contract as ours.

    The contract pins every party's governance keys, and this section tells an agency which entry is
    its own. So a contract with keys that an attacker made up is not accepted as one it signed.
    Contracts that pin keys which were replaced since still count: events under them can be read.

    Attributes:
        ed25519, ml_dsa_65: ids of the pair of this folder.
        officer: the officer whose pair that is, if the agency has several officers.
        officers: every officer of the agency, the one of this folder included.
    """

    ed25519: Text
    ml_dsa_65: Text
    officer: OfficerName | None = None
    officers: Officers = ()
    former: tuple[FormerGovernance, ...] = Field(default=(), max_length=64, strict=False)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Return the ids, as `Governance.fingerprints` of the broker's keys has them."""
        return _fingerprints(self.ed25519, self.ml_dsa_65, self.officers)

    @model_validator(mode="after")
    def _own_officer(self) -> Self:
        own = [one for one in self.officers if one.name == self.officer]
        ids = [(one.ed25519, one.ml_dsa_65) for one in own]
        if (self.officer is None) != (not self.officers) or (
            self.officers and ids != [(self.ed25519, self.ml_dsa_65)]
        ):
            raise ValueError("officer and officers: the officer of this folder must be in the list")
        return self


class KeysSection(Section):
    """Places of private keys, by URI. Keep the governance keys offline after signing."""

    operational: Text = "file:keys"
    signing: Text | None = None
    governance: Text = "file:keys/governance"


class SecretSection(Section):
    """Place of a secret; exactly one of the three."""

    file: Text | None = None
    environment: Text | None = None
    credential: Text | None = None


class VaultSection(Section):
    """A field of a secret in HashiCorp Vault or OpenBao, and the means of reading it.

    Either ``token``, or ``role_id`` with ``secret_id`` (AppRole).
    """

    address: HttpsAddress
    mount: StorePath = "secret"
    path: StorePath
    field: Text = "passphrase"
    kv_version: Literal[1, 2] = 2
    namespace: StorePath | None = None
    ca: Text | None = None
    token: SecretSection | None = None
    role_id: Text | None = None
    secret_id: SecretSection | None = None
    approle_mount: StorePath = "approle"


class PassphraseSection(SecretSection):
    """Source of the passphrase; exactly one of the four."""

    vault: VaultSection | None = None


Encoding = Literal[
    "utf-8", "windows-1252", "windows-1250", "windows-1251", "iso-8859-1", "iso-8859-2",
    "iso-8859-15", "cp850", "cp437", "mac_roman",
]  # fmt: skip
"""Encodings of exports that an agency can state.

In all of them ASCII characters keep their bytes.
"""


FOLDER: Final = "folder"
"""Name of the source and of the sink that are folders of files."""
DESK: Final = "desk"
"""Kind, source and sink of an agency whose people use the desk instead of a case system."""


class AdapterSection(Section):
    """Kind of adapter for this agency's own system, and how the two exchange events.

    ``encoding`` is that of the text in its exports. Without it a file is UTF-8, or another encoding
    that the format allows; a sign of any other encoding refuses the file. ``source`` is where the
    system's events come from, ``sink`` is where received events go. ``mapping`` is the agency's
    own mapping file, for the kind ``mapped``. The kind ``desk`` has the source and sink ``desk``
    unless others are named.
    """

    kind: Name
    mapping: Text | None = None
    encoding: Encoding | None = None
    source: Name = FOLDER
    sink: Name = FOLDER

    @model_validator(mode="before")
    @classmethod
    def _sides_of_a_desk(cls, stated: object) -> object:
        if isinstance(stated, dict) and stated.get("kind") == DESK:
            return {"source": DESK, "sink": DESK, **stated}
        return stated


class ScramSection(Section):
    """Login to Kafka with a password (SASL/SCRAM-SHA-512)."""

    username: Text
    password: PassphraseSection


class OauthbearerSection(Section):
    """Login to Kafka with an access token (SASL/OAUTHBEARER, client credentials)."""

    token_endpoint: Text
    client_id: Text
    client_secret: PassphraseSection
    ca: Text = SYSTEM_AUTHORITIES
    scope: Text | None = None
    audience: Text | None = None


class RenewalSection(Section):
    """Command that renews the TLS certificate, such as an ACME client."""

    command: Annotated[tuple[Text, ...], Field(min_length=1, max_length=64, strict=False)]
    days_before: Annotated[int, Field(ge=1, le=3_650)] = 30
    timeout: Annotated[float, Field(gt=0, le=3_600)] = 120.0


class KafkaSection(Section):
    """Address of Kafka, and how this agency logs in; always over TLS."""

    bootstrap: Text = "localhost:9092"
    security: Literal["mtls", "scram", "oauthbearer"] = "mtls"
    minimum_tls: Literal["1.2", "1.3"] = "1.3"
    ca: Text = "tls/ca.pem"
    certificate: Text = "tls/cert.pem"
    key: Text = "tls/key.pem"
    scram: ScramSection | None = None
    oauthbearer: OauthbearerSection | None = None
    renewal: RenewalSection | None = None


DoneMarker = Annotated[str, Field(pattern=r"\A\.[A-Za-z0-9]{1,16}\z")]
"""Ending of the file that says that an export is complete, such as ``.done``."""


class FoldersSection(Section):
    """Folders that the agency's own system writes to and reads from.

    Attributes:
        done_marker: ending of the empty file that says that an export in ``import`` is complete;
            without it, an export is complete when it was renamed or has settled.
    """

    import_: Text = Field(default="import", alias="import")
    processed: Text = "processed"
    quarantine: Text = "quarantine"
    inbox: Text = "inbox"
    done_marker: DoneMarker | None = None


class LintSection(Section):
    """File of the organisation's own lint rules, which ``contract lint`` and ``sign`` apply too."""

    rules: Text | None = None


class IntakeSection(Section):
    """Treatment of a row with a field that the contract does not allow for its recipients.

    ``leave_out`` sends the row without the field and reports it; ``refuse`` refuses the row.
    """

    ungranted_fields: Literal["leave_out", "refuse"] = "leave_out"


class RetentionSection(Section):
    """Number of days for which unencrypted files stay in the adapter's own folders.

    0 keeps them until a person removes them, and ``status`` reports that.
    """

    processed_days: Days = 30
    quarantine_days: Days = 90
    inbox_days: Days = 90


class IntervalsSection(Section):
    """Intervals of the service's periodic tasks, in seconds.

    ``relay`` is for events that another process put into the outbox: the adapter looks so often
    whether the state has changed. Events of this process are sent at once. Without a number,
    ``heartbeat`` and ``silence_alarm`` follow the agreement.
    """

    poll: Seconds = 0.5
    relay: Seconds = 0.5
    heartbeat: Seconds | None = None
    silence_alarm: Seconds | None = None
    receipt: Seconds = 5.0

    def heartbeat_s(self, agreed_ms: int) -> float:
        """Return the interval of our own heartbeats in seconds; ``agreed_ms`` is the agreed one."""
        return agreed_ms / 1000 if self.heartbeat is None else self.heartbeat

    def silence_ms(self, agreed_ms: int) -> int:
        """Return after how many ms without a heartbeat of a party we raise an alarm.

        Args:
            agreed_ms: the agreed interval of its heartbeats.
        """
        if self.silence_alarm is not None:
            return int(self.silence_alarm * 1000)
        return SILENT_INTERVALS * agreed_ms


class HttpSection(Section):
    """Address of `/livez`, `/readyz` and `/metrics`; port 0 is any free one."""

    host: Text = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 0


class ApiSection(Section):
    """HTTP interface for the agency's own system, if `[adapter]` has the source or sink ``http``.

    Off this machine's loopback address it is served over TLS only. ``client_ca`` asks each client
    for a certificate of that authority, beside its token. ``keep_days`` is for how many days the
    content of an imported event stays, so that other readers of the same events can read it too.
    """

    host: Text = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 0
    certificate: Text | None = None
    key: Text | None = None
    client_ca: Text | None = None
    request_bytes: Annotated[int, Field(ge=1_024, le=16_777_216)] = 1_048_576
    requests_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 600
    connections: Annotated[int, Field(ge=1, le=10_000)] = 64
    result_within: Seconds = 900.0
    keep_days: Annotated[int, Field(ge=0, le=366)] = 0
