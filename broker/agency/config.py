"""`agency.toml`: who this agency is, where its keys, folders and Kafka are.

The file is read strictly: an unknown key is an error that names the key, because a misspelt setting
that is silently ignored is how a service runs for months with a default nobody chose. Paths are
relative to the agency's directory. No secret is in this file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from broker.envelope.primitives import HASH_BYTES, strict_b64
from broker.errors import ConfigError
from broker.keys.passphrase import PassphraseSource
from broker.statements.heartbeats import INTERVAL_MS, SILENCE_MS

CONFIG_NAME: Final = "agency.toml"
CONFIG_LIMIT_BYTES: Final = 64 * 1024
CONFIG_LINE_BYTES: Final = 2048
"""A setting and its text. `tomllib` takes memory in the square of a dotted key's parts."""

RETENTION_DAYS: Final[Mapping[str, int]] = {"processed": 30, "quarantine": 90, "inbox": 90}
"""What a new agency begins with."""

Name = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?\z")]
"""An id of an agency or a deployment: one part of an origin."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Days = Annotated[int, Field(ge=0, le=36_500)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FormerGovernance(_Section):
    """Ids of governance keys that this agency has replaced."""

    ed25519: Text
    ml_dsa_65: Text


class GovernanceSection(_Section):
    """Ids of this agency's own governance keys: what makes a contract ours.

    Every party's governance keys are pinned by the contract; this is where an agency recognises its
    own entry, so that a contract with keys made up by somebody else is not taken for one it signed.
    Contracts that pin keys which were replaced since stay ours: events under them are still read.
    """

    ed25519: Text
    ml_dsa_65: Text
    former: tuple[FormerGovernance, ...] = Field(default=(), max_length=64, strict=False)


class KeysSection(_Section):
    """Where private keys are, by URI. The governance keys belong offline after signing."""

    operational: Text = "file:keys"
    governance: Text = "file:keys/governance"


class PassphraseSection(_Section):
    """Exactly one of the three."""

    file: Text | None = None
    environment: Text | None = None
    credential: Text | None = None


Encoding = Literal[
    "utf-8", "windows-1252", "windows-1250", "windows-1251", "iso-8859-1", "iso-8859-2",
    "iso-8859-15", "cp850", "cp437", "mac_roman",
]  # fmt: skip
"""Encodings of exports that an agency can state. In all of them ASCII is ASCII."""


class AdapterSection(_Section):
    """Which adapter speaks to this agency's own system.

    ``encoding`` is that of the text in its exports. Without it a file is UTF-8, or what the format
    allows besides, and a sign of another encoding refuses it.
    """

    kind: Name
    encoding: Encoding | None = None


class KafkaSection(_Section):
    """How to reach Kafka; always TLS with a client certificate."""

    bootstrap: Text = "localhost:9092"
    ca: Text = "tls/ca.pem"
    certificate: Text = "tls/cert.pem"
    key: Text = "tls/key.pem"


class FoldersSection(_Section):
    """Folders that the agency's own system writes to and reads from."""

    import_: Text = Field(default="import", alias="import")
    processed: Text = "processed"
    quarantine: Text = "quarantine"
    inbox: Text = "inbox"


class IntakeSection(_Section):
    """What becomes of a row with a field that the contract does not let go to its recipients.

    ``leave_out`` sends the row without the field and reports it; ``refuse`` refuses the row.
    """

    ungranted_fields: Literal["leave_out", "refuse"] = "leave_out"


class RetentionSection(_Section):
    """For how many days files stay in the adapter's own folders, where they lie in clear.

    0 keeps them until a person removes them; without a number nothing is removed, and ``status``
    says so.
    """

    processed_days: Days | None = None
    quarantine_days: Days | None = None
    inbox_days: Days | None = None


class IntervalsSection(_Section):
    """How often the service does what, in seconds.

    ``relay`` is for what another process put into the outbox: what this one accepts is sent at
    once, and half a second of looking costs an idle adapter almost nothing.
    """

    poll: Seconds = 0.5
    relay: Seconds = 0.5
    heartbeat: Seconds = INTERVAL_MS / 1000
    silence_alarm: Seconds = SILENCE_MS / 1000
    receipt: Seconds = 5.0


class HttpSection(_Section):
    """Where `/livez`, `/readyz` and `/metrics` answer; port 0 is any free one."""

    host: Text = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 0


class StateSection(_Section):
    """The state database."""

    database: Text = "state/concordant.db"


class AgencyConfig(_Section):
    """The whole file."""

    agency: Name
    deployment: Name
    governance: GovernanceSection
    adapter: AdapterSection
    partners: dict[str, Name] = Field(default_factory=dict)
    keys: KeysSection = KeysSection()
    passphrase: PassphraseSection = PassphraseSection(file="passphrase")
    governance_passphrase: PassphraseSection | None = None
    kafka: KafkaSection = KafkaSection()
    folders: FoldersSection = FoldersSection()
    intake: IntakeSection = IntakeSection()
    retention: RetentionSection = RetentionSection()
    intervals: IntervalsSection = IntervalsSection()
    http: HttpSection = HttpSection()
    state: StateSection = StateSection()


def parse_config(content: bytes, where: str) -> AgencyConfig:
    """Turns the file's bytes into the configuration.

    Args:
        content: TOML 1.0 in UTF-8.
        where: the file's name, for errors.

    Raises:
        ConfigError: code `config_unreadable` (not TOML) or `config_invalid`; names file and field.
    """
    if len(content) > CONFIG_LIMIT_BYTES:
        raise ConfigError("The configuration is too large.", code="config_unreadable", where=where)
    lines = content.split(b"\n")
    long = next((n for n, line in enumerate(lines, 1) if len(line) > CONFIG_LINE_BYTES), None)
    if long is not None:
        raise ConfigError(
            f"A line is longer than {CONFIG_LINE_BYTES} bytes.",
            code="config_unreadable",
            where=f"{where}:{long}",
            fix="Correct the line.",
        )
    try:
        table = tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise ConfigError(
            "The configuration is not UTF-8 text.",
            code="config_unreadable",
            where=where,
            fix="Save the file as UTF-8.",
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"The configuration is not TOML: {error}.",
            code="config_unreadable",
            where=where,
            fix="Correct the line that is named.",
        ) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, or brackets without end
        raise ConfigError(
            "The configuration has a number that is too long, or nests too deeply.",
            code="config_unreadable",
            where=where,
            fix="Compare the file with the one that was made for this agency.",
        ) from None
    try:
        config = AgencyConfig.model_validate(table)
    except ValidationError as error:
        raise _invalid(error, where) from None
    for name in ("passphrase", "governance_passphrase"):
        section: PassphraseSection | None = getattr(config, name)
        if section is not None and len(section.model_dump(exclude_none=True)) != 1:
            raise ConfigError(
                "Exactly one of file, environment and credential must be set.",
                code="config_invalid",
                where=f"{where}: {name}",
                fix='For example: file = "passphrase"',
            )
    return config


def load_config(directory: Path) -> AgencyConfig:
    """Reads `agency.toml` of an agency's directory.

    Raises:
        ConfigError: code `config_missing`, `config_unreadable` or `config_invalid`.
    """
    path = directory / CONFIG_NAME
    try:
        with path.open("rb") as file:
            content = file.read(CONFIG_LIMIT_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(
            "There is no agency here.",
            code="config_missing",
            where=str(path),
            fix="Give the directory of an agency, or make a try-out: concordant quickstart DIR",
        ) from None
    except OSError as error:
        raise ConfigError(
            f"The configuration cannot be read ({error.strerror}).",
            code="config_unreadable",
            where=str(path),
            fix="Check the owner and the permissions of the file.",
        ) from None
    return parse_config(content, str(path))


def passphrase_source(section: PassphraseSection, directory: Path) -> PassphraseSource:
    """The section with its file found from the agency's directory."""
    return PassphraseSource(
        file=None if section.file is None else directory / section.file,
        environment=section.environment,
        credential=section.credential,
    )


def governance_kids(config: AgencyConfig) -> tuple[bytes, bytes]:
    """Ids of the agency's own governance keys, raw.

    Raises:
        ConfigError: code `config_invalid`: not base64 of 32 bytes.
    """
    try:
        first = strict_b64(config.governance.ed25519)
        second = strict_b64(config.governance.ml_dsa_65)
    except ValueError:
        first = second = b""
    if (len(first), len(second)) != (HASH_BYTES, HASH_BYTES):
        raise ConfigError(
            "The ids of the governance keys are not base64 of 32 bytes.",
            code="config_invalid",
            where=f"{CONFIG_NAME}: governance",
            fix="Take them from: concordant keys list",
        )
    return first, second


def format_config(
    *,
    agency: str,
    deployment: str,
    governance: GovernanceSection,
    adapter: str,
    partners: Mapping[str, str],
    bootstrap: str,
    http_port: int,
    passphrase_file: str,
) -> str:
    """The text of a new agency's `agency.toml`, with what an operator may want to change."""
    codes = "\n".join(f"{_quoted(code)} = {_quoted(partners[code])}" for code in sorted(partners))
    return f"""\
# This agency's adapter. Paths are relative to this file's folder. No secret belongs here.
agency = {_quoted(agency)}
deployment = {_quoted(deployment)}

[governance]  # ids of our own governance keys: only a contract that pins them is ours
ed25519 = {_quoted(governance.ed25519)}
ml_dsa_65 = {_quoted(governance.ml_dsa_65)}

[adapter]
kind = {_quoted(adapter)}

[partners]  # our system's code for a partner = its agency id
{codes}

[keys]  # the governance keys belong offline: sign, then take the folder away
operational = "file:keys"
governance = "file:governance"

[passphrase]  # one of: file, environment, credential
file = {_quoted(passphrase_file)}

[kafka]
bootstrap = {_quoted(bootstrap)}
ca = "tls/ca.pem"
certificate = "tls/cert.pem"
key = "tls/key.pem"

[folders]
import = "import"
processed = "processed"
quarantine = "quarantine"
inbox = "inbox"

[intake]  # a field that its recipients may not read: "leave_out" and report it, or "refuse" the row
ungranted_fields = "leave_out"

[retention]  # days after which the adapter removes files from its folders; 0 keeps them
processed_days = {RETENTION_DAYS["processed"]}
quarantine_days = {RETENTION_DAYS["quarantine"]}
inbox_days = {RETENTION_DAYS["inbox"]}

[http]  # /livez, /readyz, /metrics; port 0 is any free one
host = "127.0.0.1"
port = {http_port}

[state]
database = "state/concordant.db"
"""


def _quoted(text: str) -> str:
    """A TOML basic string. Ids and codes hold no control characters."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_WORDS: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "extra_forbidden": "is not a setting",
}


def _invalid(error: ValidationError, where: str) -> ConfigError:
    """Names the first wrong field; its value stays out of the text."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    problem = _WORDS.get(first["type"], f"is not right: {first['msg'].lower()}")
    return ConfigError(
        f"The setting {field} {problem}.",
        code="config_invalid",
        where=f"{where}: {field}",
        fix="Correct or remove the setting.",
    )
