"""PKCS#11 URI (RFC 7512) that names the module and the token of the signing keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from broker.errors import ConfigError

SCHEME: Final = "pkcs11:"
_PATH: Final = frozenset({"token", "manufacturer", "model", "serial", "slot-id"})
_QUERY: Final = frozenset({"module-path", "pin-source"})


@dataclass(frozen=True, slots=True)
class TokenUri:
    """A PKCS#11 URI that names one token.

    Attributes:
        text: the URI.
        module: path of the PKCS#11 module.
        token: the token's label; None if it is not named.
        serial: its serial number; None if it is not named.
        manufacturer: its manufacturer; None if it is not named.
        model: its model; None if it is not named.
        slot: the slot's number; None if it is not named.
        pin_source: `file:PATH`; None if the URI names none.
    """

    text: str
    module: str
    token: str | None
    serial: str | None
    manufacturer: str | None
    model: str | None
    slot: int | None
    pin_source: str | None


def parse_uri(text: str) -> TokenUri:
    """Parse a PKCS#11 URI (RFC 7512).

    Raises:
        ConfigError: code `config_signer`: another scheme or attribute, no module, no token, or a
            PIN in the URI itself.
    """
    if not text.startswith(SCHEME):
        raise _wrong("The setting is not a PKCS#11 URI.")
    path, _, query = text.removeprefix(SCHEME).partition("?")
    named = _attributes(path.split(";"), _PATH) | _attributes(query.split("&"), _QUERY)
    module = named.get("module-path")
    if module is None:
        raise _wrong("The PKCS#11 URI names no module.")
    if not {"token", "serial", "slot-id"} & set(named):
        raise _wrong("The PKCS#11 URI names no token.")
    slot = named.get("slot-id")
    if slot is not None and not (slot.isascii() and slot.isdigit()):
        raise _wrong("The slot-id of the PKCS#11 URI is not a number.")
    source = named.get("pin-source")
    if source is not None and not source.startswith(("file:", "/")):
        raise _wrong("The pin-source of the PKCS#11 URI is not a file.")
    return TokenUri(
        text,
        module,
        named.get("token"),
        named.get("serial"),
        named.get("manufacturer"),
        named.get("model"),
        None if slot is None else int(slot),
        source,
    )


def _attributes(parts: list[str], known: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in parts:
        name, separator, value = part.partition("=")
        if not part:
            continue
        if name == "pin-value":
            raise _wrong("The PKCS#11 URI holds a PIN, and agency.toml holds no secret.")
        if not separator or name not in known or name in found:
            raise _wrong("The PKCS#11 URI has an attribute that is not known or stands twice.")
        try:
            found[name] = unquote_to_bytes(value).decode()
        except UnicodeDecodeError:
            raise _wrong("The PKCS#11 URI is not UTF-8.") from None
    return found


def _wrong(detail: str) -> ConfigError:
    return ConfigError(
        detail,
        code="config_signer",
        where="agency.toml [keys] signing",
        fix='For example: signing = "pkcs11:token=concordant?module-path=/usr/lib/softhsm/'
        'libsofthsm2.so", and the PIN under [signing_pin].',
    )
