"""Settings of an agency, read from `agency.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, ValidationError

from broker.agency.config_bus import BUS, BusSection, require_bus
from broker.agency.config_rules import (
    require_complete,
    require_complete_sftp,
    require_files_of_a_format,
    require_passphrase_place,
    require_safe_api,
    require_safe_webhook,
    require_usable_markers,
)
from broker.agency.config_sections import (
    FOLDER,
    AdapterSection,
    ApiSection,
    FoldersSection,
    GovernanceSection,
    HttpSection,
    IntakeSection,
    IntervalsSection,
    KafkaSection,
    KeysSection,
    LintSection,
    Name,
    PassphraseSection,
    RetentionSection,
    Section,
)
from broker.agency.database_section import DatabaseSection, require_complete_database
from broker.agency.delivery_sections import SftpSection, WebhookSection
from broker.agency.notices_section import NoticesSection, require_complete_notices
from broker.agency.state_section import StateSection, require_complete_state
from broker.agency.web_section import WebSection, require_safe_web
from broker.envelope.primitives import HASH_BYTES, strict_b64
from broker.errors import ConfigError

CONFIG_NAME: Final = "agency.toml"
DATABASE: Final = "database"
"""Name of the source and of the sink that are tables of the agency's own database."""
CONFIG_LIMIT_BYTES: Final = 64 * 1024
CONFIG_LINE_BYTES: Final = 2048
"""Maximum length of a line in bytes.

`tomllib` takes memory in the square of a dotted key's parts.
"""


CONFIG_FORMAT: Final = 1
"""Number of this form of the file. It increases when a setting is removed or renamed."""


class AgencyConfig(Section):
    """The whole file."""

    format: Annotated[int, Field(ge=1, le=CONFIG_FORMAT)] = CONFIG_FORMAT
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
    lint: LintSection = LintSection()
    retention: RetentionSection = RetentionSection()
    intervals: IntervalsSection = IntervalsSection()
    http: HttpSection = HttpSection()
    api: ApiSection = ApiSection()
    web: WebSection = WebSection()
    webhook: WebhookSection | None = None
    bus: BusSection | None = None
    database: DatabaseSection | None = None
    sftp: SftpSection | None = None
    notices: NoticesSection | None = None
    state: StateSection = StateSection()

    @property
    def export_marker(self) -> str | None:
        """Return the ending of the done markers in the import folder; None if there are none."""
        return self.folders.done_marker if self.adapter.source == FOLDER else None

    @property
    def result_within_ms(self) -> int:
        """Return within how many ms the agency's system should send a result for an event."""
        section = self.bus if self.bus is not None and self.adapter.sink == BUS else self.api
        return int(section.result_within * 1000)


def parse_config(content: bytes, where: str) -> AgencyConfig:
    """Parse the file's bytes.

    Args:
        content: TOML 1.0 in UTF-8.
        where: the file's name, for errors.

    Raises:
        ConfigError: code `config_unreadable` (not TOML), `config_newer` (written for a newer
            version of this software) or `config_invalid`; names file and field.
    """
    table = parse_toml(content, where)
    _require_known_format(table.get("format"), where)
    try:
        config = AgencyConfig.model_validate(table)
    except ValidationError as error:
        raise invalid_setting(error, where) from None
    for name in ("passphrase", "governance_passphrase", "signing_pin"):
        section: PassphraseSection | None = getattr(config, name)
        if section is not None:
            require_passphrase_place(section, f"{where}: {name}")
    require_complete(config.kafka, where)
    require_safe_api(config.api, where)
    require_complete_state(config.state, where)
    require_safe_web(config.web, where)
    require_complete_notices(config.notices, config.web, where)
    require_safe_webhook(config.webhook, where, used=config.adapter.sink == "webhook")
    require_files_of_a_format(config.adapter, where)
    require_usable_markers(config.folders, config.sftp, where)
    require_bus(config.adapter, config.bus, where)
    if config.database is not None:
        require_complete_database(config.database, where)
        if config.database.password is not None:
            require_passphrase_place(config.database.password, f"{where}: database.password")
    elif DATABASE in (config.adapter.source, config.adapter.sink):
        raise ConfigError(
            "The source or sink is the agency's database, but the section [database] is missing.",
            code="config_invalid",
            where=f"{where}: database",
            fix="Add the section. Its settings: docs/configuration.md",
        )
    require_complete_sftp(
        config.sftp, where, used="sftp" in {config.adapter.source, config.adapter.sink}
    )
    return config


def _require_known_format(number: object, where: str) -> None:
    """Refuse a newer form before its settings are judged: each unknown one would be an error."""
    if isinstance(number, int) and number > CONFIG_FORMAT:
        raise ConfigError(
            f"The settings are written for a newer version of this software (format {number}, this "
            f"one knows {CONFIG_FORMAT}).",
            code="config_newer",
            where=f"{where}: format",
            fix="Run the newer version, or restore the agency.toml from before the upgrade.",
        )


def parse_toml(content: bytes, where: str) -> dict[str, object]:
    """Parse TOML within the limits of a configuration: its size, and the length of a line.

    Args:
        content: TOML 1.0 in UTF-8.
        where: the file's name, for errors.

    Raises:
        ConfigError: code `config_unreadable`; names the file, and the line if it is known.
    """
    if len(content) > CONFIG_LIMIT_BYTES:
        raise ConfigError(
            f"The configuration has more than {CONFIG_LIMIT_BYTES:,} bytes.",
            code="config_unreadable",
            where=where,
            fix="Compare the file with the original file of this agency.",
        )
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
        return tomllib.loads(content.decode("utf-8"))
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
    except (
        ValueError,
        RecursionError,
    ):  # a number of thousands of digits, or thousands of brackets
        raise ConfigError(
            "The configuration has a number that is too long, or nests too deeply.",
            code="config_unreadable",
            where=where,
            fix="Compare the file with the original file of this agency.",
        ) from None


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
