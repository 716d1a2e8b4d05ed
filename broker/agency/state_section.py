"""Section `[state]` of `agency.toml`: the place of the adapter's state."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from broker.agency.config_pairs import invalid, require_pair
from broker.agency.config_rules import is_loopback, require_passphrase_place
from broker.agency.config_sections import SYSTEM_AUTHORITIES, PassphraseSection, Section, Text
from broker.agency.database_section import parse_address
from broker.errors import KeyAccessError, StoreError
from broker.keys.passphrase import PassphraseSource, load_passphrase
from broker.store.place import PostgresPlace, PostgresTls, StatePlace

SchemaName = Annotated[str, Field(pattern=r"\A[a-z][a-z0-9_-]{0,62}\z")]


class StateSection(Section):
    """The state database: a SQLite file, or with ``url`` a schema of a PostgreSQL server.

    Off this machine PostgreSQL is reached over TLS only, and its certificate is verified.
    """

    database: Text = "state/concordant.db"
    url: Text | None = None
    schema_: SchemaName | None = Field(default=None, alias="schema")
    password: PassphraseSection | None = None
    ca: Text | None = None
    certificate: Text | None = None
    key: Text | None = None


def require_complete_state(section: StateSection, where: str) -> None:
    """Check the settings that concern each other.

    Raises:
        ConfigError: `config_invalid`; names the file and the setting, never a value.
    """
    where = f"{where}: state"
    if section.url is not None and parse_address(section.url) is None:
        raise invalid(
            "The address has not the form postgresql://USER@HOST:PORT/NAME, without a password.",
            f"{where}.url",
            'Put the password into a file, and set: password = { file = "state-password" }',
        )
    if section.url is None:
        for name in ("schema_", "password", "ca", "certificate", "key"):
            if getattr(section, name) is not None:
                raise invalid(
                    "This setting is for PostgreSQL, and url is missing.",
                    f"{where}.{name.rstrip('_')}",
                    "Add url, or remove the setting.",
                )
    require_pair(section, "certificate", "key", where)
    if section.password is not None:
        require_passphrase_place(section.password, f"{where}.password")


def state_place(
    section: StateSection, root: Path, owner: tuple[str, str], password: PassphraseSource | None
) -> StatePlace:
    """Return the place of the state.

    Args:
        section: the settings.
        root: the agency's folder.
        owner: the partnership and the agency.
        password: source of the password; None if libpq finds its own way.
    """
    file = root / section.database
    if section.url is None:
        return file
    address = parse_address(section.url)
    assert address is not None  # checked when the file was read
    local = address.socket or is_loopback(address.host)
    ca = section.ca if section.ca is not None or local else SYSTEM_AUTHORITIES
    tls = None
    if ca is not None:
        tls = PostgresTls(
            ca if ca == SYSTEM_AUTHORITIES else str(root / ca),
            None if section.certificate is None else str(root / section.certificate),
            None if section.key is None else str(root / section.key),
        )
    return PostgresPlace(
        user=address.user,
        host=address.host,
        port=address.port,
        database=address.name,
        schema=section.schema_ or owner[1],
        owner="/".join(owner),
        password=lambda: None if password is None else _password(password),
        tls=tls,
        where="agency.toml: state.url",
        file=file,
    )


def _password(source: PassphraseSource) -> str:
    try:
        return load_passphrase(source).decode("utf-8")
    except (KeyAccessError, UnicodeDecodeError):
        raise StoreError(
            "The password of the state database cannot be read, is empty or is too long.",
            code="store_password_missing",
            where="agency.toml: state.password",
            fix="Put the password where [state] password names it, on one line, readable by this "
            "account only.",
        ) from None
