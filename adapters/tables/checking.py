"""Check of the database of an agency's folder."""

from __future__ import annotations

from pathlib import Path

from adapters.catalogue import adapter_of
from adapters.mapping.adapter import MappedAdapter
from adapters.tables.check import CheckResult, check_tables
from adapters.tables.connecting import Database
from adapters.tables.mapped_rows import require_mapping
from broker.agency.config import CONFIG_NAME, load_config
from broker.errors import ConfigError


def check_agency(folder: Path) -> list[CheckResult]:
    """Check the database that an agency's `agency.toml` names.

    Raises:
        ConfigError: the settings are wrong, or have no section `[database]`.
    """
    config = load_config(folder)
    section = config.database
    if section is None:
        raise ConfigError(
            "The settings have no section [database].",
            code="config_invalid",
            where=f"{CONFIG_NAME}: database",
            fix="Add the section. Its settings: docs/configuration.md",
        )
    adapter: MappedAdapter | None = None
    if "mapped" in (section.outbox.form, section.inbox.form):
        adapter = require_mapping(adapter_of(folder, config))
    return check_tables(Database(section, folder), config, section, adapter)
