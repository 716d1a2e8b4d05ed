"""PKCS#11 URIs in `agency.toml`."""

from __future__ import annotations

import pytest

from broker.errors import ConfigError
from broker.keys.token_uri import parse_uri


def test_a_uri_is_read_as_rfc_7512_writes_it() -> None:
    uri = parse_uri(
        "pkcs11:token=My%20token;serial=ab12;manufacturer=Snake%20Oil;model=x;slot-id=3"
        "?module-path=/lib/p.so&pin-source=file:/etc/pin"
    )
    assert (uri.token, uri.serial, uri.manufacturer, uri.model, uri.slot) == (
        "My token", "ab12", "Snake Oil", "x", 3,
    )  # fmt: skip
    assert (uri.module, uri.pin_source) == ("/lib/p.so", "file:/etc/pin")


@pytest.mark.parametrize(
    "text",
    ["file:keys", "pkcs11:", "pkcs11:token=x", "pkcs11:?module-path=/m",
     "pkcs11:model=x?module-path=/m",
     "pkcs11:token=x?module-path=/m&pin-value=1234", "pkcs11:token=x;token=y?module-path=/m",
     "pkcs11:token=x;colour=red?module-path=/m", "pkcs11:token?module-path=/m",
     "pkcs11:token=%ff?module-path=/m", "pkcs11:slot-id=one?module-path=/m",
     "pkcs11:token=x?module-path=/m&pin-source=|cmd"],
)  # fmt: skip
def test_a_uri_that_is_not_one_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_uri(text)
    assert caught.value.code == "config_signer"
    assert "1234" not in caught.value.diagnostics()
