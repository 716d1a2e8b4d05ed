"""Sources of the secrets whose places `agency.toml` names: passphrases, and the PIN of a token."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from broker.agency.config import CONFIG_NAME, AgencyConfig
from broker.agency.config_sections import PassphraseSection, SecretSection, VaultSection
from broker.agency.state_section import state_place
from broker.errors import ConfigError
from broker.keys.passphrase import PassphraseSource, load_passphrase
from broker.keys.secret_source import SecretSource, VaultSource, load_secret
from broker.keys.token import SigningToken
from broker.keys.token_uri import TokenUri, parse_uri
from broker.store.place import StatePlace


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


def agency_state(config: AgencyConfig, root: Path) -> StatePlace:
    """Return the place of the adapter's state."""
    section = config.state.password
    password = None if section is None else passphrase_source(section, root)
    return state_place(config.state, root, (config.deployment, config.agency), password)


def signing_token(config: AgencyConfig, directory: Path) -> SigningToken | None:
    """Return the token of the signing keys; None if they are in files. It is not opened yet.

    Raises:
        ConfigError: code `config_signer`: the URI is wrong, or the PIN has no place or two.
    """
    if config.keys.signing is None:
        return None
    uri = parse_uri(config.keys.signing)
    source = _pin_source(config, uri, directory)
    return SigningToken(uri, lambda: load_passphrase(source))


def _pin_source(config: AgencyConfig, uri: TokenUri, directory: Path) -> PassphraseSource:
    if (uri.pin_source is None) == (config.signing_pin is None):
        raise ConfigError(
            "The PIN of the token must have exactly one place.",
            code="config_signer",
            where=f"{CONFIG_NAME}: signing_pin",
            fix='Either pin-source=file:PATH in the URI, or [signing_pin] with file = "pin".',
        )
    if config.signing_pin is not None:
        return passphrase_source(config.signing_pin, directory)
    path = (uri.pin_source or "").removeprefix("file:").removeprefix("//")
    return PassphraseSource(file=directory / path)


def secret_files(config: AgencyConfig, root: Path) -> dict[Path, str]:
    """Return the files of secrets that `agency.toml` names, with their settings.

    Raises:
        ConfigError: as `signing_token`.
    """
    found: dict[Path, str] = {}
    oidc = config.web.oidc
    mail = None if config.notices is None else config.notices.mail
    sections: tuple[tuple[str, PassphraseSection | None], ...] = (
        ("passphrase", config.passphrase),
        ("governance_passphrase", config.governance_passphrase),
        ("signing_pin", config.signing_pin),
        ("database.password", None if config.database is None else config.database.password),
        ("state.password", config.state.password),
        ("notices.mail.password", None if mail is None else mail.password),
        ("web.oidc.client_secret", None if oidc is None else oidc.client_secret),
    )
    sources = {
        name: passphrase_source(section, root) for name, section in sections if section is not None
    }
    if config.keys.signing is not None and config.signing_pin is None:
        sources["keys.signing"] = _pin_source(config, parse_uri(config.keys.signing), root)
    for name, source in sources.items():
        vault = source.vault
        places: list[tuple[str, SecretSource]] = [(name, source)]
        if vault is not None:
            places += [(f"{name}.vault.token", vault.token)] if vault.token else []
            places += [(f"{name}.vault.secret_id", vault.secret_id)] if vault.secret_id else []
        found |= {place.file: what for what, place in places if place.file is not None}
    if config.notices is not None:
        for name, hook in config.notices.webhooks():
            found[root / hook.secret] = f"notices.{name}.secret"
    if config.webhook is not None:
        found[root / config.webhook.secret] = "webhook.secret"
    if config.bus is not None:
        if config.bus.password is not None and config.bus.password.file is not None:
            found[root / config.bus.password.file] = "bus.password"
        if config.bus.credentials is not None:
            found[root / config.bus.credentials] = "bus.credentials"
    if config.sftp is not None:
        for name, file in (("key", config.sftp.key), ("password", config.sftp.password)):
            if file is not None:
                found[root / file] = f"sftp.{name}"
    return found


def bus_password(section: SecretSection, root: Path, environment: Mapping[str, str]) -> str:
    """Return the password for the agency's own bus.

    Raises:
        ConcordantError: it cannot be read.
    """
    source = _secret_source(section, root)
    assert source is not None
    secret = load_secret(source, environment, what="password of the bus", setting="[bus] password")
    return secret.decode()
