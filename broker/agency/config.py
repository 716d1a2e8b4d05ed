"""Model of `agency.toml`: the agency's identity, and the places of its keys, folders and Kafka.

The file is read strictly: an unknown key is an error that names the key. Otherwise a service could
run for months with a default because a setting is misspelt. Paths are relative to the agency's
directory. The file holds no secret.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from broker.agency.config_rules import require_complete, require_passphrase_place
from broker.envelope.primitives import HASH_BYTES, strict_b64
from broker.errors import ConfigError
from broker.keys.passphrase import PassphraseSource, load_passphrase
from broker.keys.secret_source import SecretSource, VaultSource
from broker.keys.token import SigningToken, parse_uri
from broker.statements.heartbeats import INTERVAL_MS, SILENCE_MS

CONFIG_NAME: Final = "agency.toml"
CONFIG_LIMIT_BYTES: Final = 64 * 1024
CONFIG_LINE_BYTES: Final = 2048
"""Maximum length of a line in bytes.

`tomllib` takes memory in the square of a dotted key's parts.
"""

RETENTION_DAYS: Final[Mapping[str, int]] = {"processed": 30, "quarantine": 90, "inbox": 90}
"""Initial values for a new agency."""

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


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FormerGovernance(_Section):
    """Ids of governance keys that this agency has replaced."""

    ed25519: Text
    ml_dsa_65: Text


class GovernanceSection(_Section):
    """Ids of this agency's own governance keys, which identify a contract as ours.

    The contract pins every party's governance keys, and this section tells an agency which entry is
    its own. So a contract with keys that an attacker made up is not accepted as one it signed.
    Contracts that pin keys which were replaced since still count: events under them can be read.
    """

    ed25519: Text
    ml_dsa_65: Text
    former: tuple[FormerGovernance, ...] = Field(default=(), max_length=64, strict=False)


class KeysSection(_Section):
    """Places of private keys, by URI. Keep the governance keys offline after signing."""

    operational: Text = "file:keys"
    signing: Text | None = None
    governance: Text = "file:keys/governance"


class SecretSection(_Section):
    """Place of a secret; exactly one of the three."""

    file: Text | None = None
    environment: Text | None = None
    credential: Text | None = None


class VaultSection(_Section):
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


class AdapterSection(_Section):
    """Kind of adapter for this agency's own system.

    ``encoding`` is that of the text in its exports. Without it a file is UTF-8, or another encoding
    that the format allows; a sign of any other encoding refuses the file.
    """

    kind: Name
    encoding: Encoding | None = None


class ScramSection(_Section):
    """Login to Kafka with a password (SASL/SCRAM-SHA-512)."""

    username: Text
    password: PassphraseSection


class OauthbearerSection(_Section):
    """Login to Kafka with an access token (SASL/OAUTHBEARER, client credentials)."""

    token_endpoint: Text
    client_id: Text
    client_secret: PassphraseSection
    ca: Text = SYSTEM_AUTHORITIES
    scope: Text | None = None
    audience: Text | None = None


class RenewalSection(_Section):
    """Command that renews the TLS certificate, such as an ACME client."""

    command: Annotated[tuple[Text, ...], Field(min_length=1, max_length=64, strict=False)]
    days_before: Annotated[int, Field(ge=1, le=3_650)] = 30
    timeout: Annotated[float, Field(gt=0, le=3_600)] = 120.0


class KafkaSection(_Section):
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


class FoldersSection(_Section):
    """Folders that the agency's own system writes to and reads from."""

    import_: Text = Field(default="import", alias="import")
    processed: Text = "processed"
    quarantine: Text = "quarantine"
    inbox: Text = "inbox"


class IntakeSection(_Section):
    """Treatment of a row with a field that the contract does not allow for its recipients.

    ``leave_out`` sends the row without the field and reports it; ``refuse`` refuses the row.
    """

    ungranted_fields: Literal["leave_out", "refuse"] = "leave_out"


class RetentionSection(_Section):
    """Number of days for which unencrypted files stay in the adapter's own folders.

    0 keeps them until a person removes them. Without a number, nothing is removed, and ``status``
    reports that.
    """

    processed_days: Days | None = None
    quarantine_days: Days | None = None
    inbox_days: Days | None = None


class IntervalsSection(_Section):
    """Intervals of the service's periodic tasks, in seconds.

    ``relay`` is for events that another process put into the outbox. Events of this process are
    sent at once, and a check every half second costs an idle adapter almost nothing.
    """

    poll: Seconds = 0.5
    relay: Seconds = 0.5
    heartbeat: Seconds = INTERVAL_MS / 1000
    silence_alarm: Seconds = SILENCE_MS / 1000
    receipt: Seconds = 5.0


class HttpSection(_Section):
    """Address of `/livez`, `/readyz` and `/metrics`; port 0 is any free one."""

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
    signing_pin: PassphraseSection | None = None
    kafka: KafkaSection = KafkaSection()
    folders: FoldersSection = FoldersSection()
    intake: IntakeSection = IntakeSection()
    retention: RetentionSection = RetentionSection()
    intervals: IntervalsSection = IntervalsSection()
    http: HttpSection = HttpSection()
    state: StateSection = StateSection()


def parse_config(content: bytes, where: str) -> AgencyConfig:
    """Parse the file's bytes.

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
            fix="Correct the named line.",
        ) from None
    # a number of thousands of digits, or brackets nested without end
    except (ValueError, RecursionError):
        raise ConfigError(
            "The configuration has a number that is too long, or nests too deeply.",
            code="config_unreadable",
            where=where,
            fix="Compare the file with the original file of this agency.",
        ) from None
    try:
        config = AgencyConfig.model_validate(table)
    except ValidationError as error:
        raise invalid_setting(error, where) from None
    for name in ("passphrase", "governance_passphrase", "signing_pin"):
        section: PassphraseSection | None = getattr(config, name)
        if section is not None:
            require_passphrase_place(section, f"{where}: {name}")
    require_complete(config.kafka, where)
    return config


def load_config(directory: Path) -> AgencyConfig:
    """Read `agency.toml` of an agency's directory.

    Raises:
        ConfigError: code `config_missing`, `config_unreadable` or `config_invalid`.
    """
    path = directory / CONFIG_NAME
    try:
        with path.open("rb") as file:
            content = file.read(CONFIG_LIMIT_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(
            "This folder holds no agency.",
            code="config_missing",
            where=str(path),
            fix="Give the directory of an agency, or make a trial partnership: concordant "
            "quickstart DIR",
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
    """Return the section with its files relative to the agency's directory."""
    vault = section.vault
    return PassphraseSource(
        file=None if section.file is None else directory / section.file,
        environment=section.environment,
        credential=section.credential,
        vault=None if vault is None else _vault_source(vault, directory),
    )


def _vault_source(vault: VaultSection, directory: Path) -> VaultSource:
    return VaultSource(
        address=vault.address.rstrip("/"),
        mount=vault.mount.rstrip("/"),
        path=vault.path.rstrip("/"),
        field=vault.field,
        kv_version=vault.kv_version,
        namespace=vault.namespace,
        ca=None if vault.ca is None else directory / vault.ca,
        token=_secret_source(vault.token, directory),
        role_id=vault.role_id,
        secret_id=_secret_source(vault.secret_id, directory),
        approle_mount=vault.approle_mount.rstrip("/"),
    )


def _secret_source(section: SecretSection | None, directory: Path) -> SecretSource | None:
    if section is None:
        return None
    return SecretSource(
        file=None if section.file is None else directory / section.file,
        environment=section.environment,
        credential=section.credential,
    )


def signing_token(config: AgencyConfig, directory: Path) -> SigningToken | None:
    """Return the token of the signing keys; None if they are in files. It is not opened yet.

    Raises:
        ConfigError: code `config_signer`: the URI is wrong, or the PIN has no place or two.
    """
    if config.keys.signing is None:
        return None
    uri = parse_uri(config.keys.signing)
    if (uri.pin_source is None) == (config.signing_pin is None):
        raise ConfigError(
            "The PIN of the token must have exactly one place.",
            code="config_signer",
            where=f"{CONFIG_NAME}: signing_pin",
            fix='Either pin-source=file:PATH in the URI, or [signing_pin] with file = "pin".',
        )
    if config.signing_pin is not None:
        source = passphrase_source(config.signing_pin, directory)
    else:
        path = (uri.pin_source or "").removeprefix("file:").removeprefix("//")
        source = PassphraseSource(file=directory / path)
    return SigningToken(uri, lambda: load_passphrase(source))


def governance_kids(config: AgencyConfig) -> tuple[bytes, bytes]:
    """Return the ids of the agency's own governance keys, raw.

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
    """Return the text of a new `agency.toml`, with the settings that an operator may change."""
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

[passphrase]  # one of: file, environment, credential, vault
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
    """Return a TOML basic string. Ids and codes hold no control characters."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_WORDS: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "extra_forbidden": "is not a setting",
}


def invalid_setting(error: ValidationError, where: str) -> ConfigError:
    """Return an error that names the first wrong field, without its value."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    problem = _WORDS.get(first["type"], f"is not right: {first['msg'].lower()}")
    return ConfigError(
        f"The setting {field} {problem}.",
        code="config_invalid",
        where=f"{where}: {field}",
        fix="Correct or remove the setting.",
    )
