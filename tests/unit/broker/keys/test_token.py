"""Signing keys on a PKCS#11 token, with SoftHSM: they are made there and never leave it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from broker.envelope.primitives import Ed25519Verifier
from broker.keys import keyring as keyring_module
from broker.keys import token as token_module
from broker.keys.keyring import Keyring
from broker.keys.kid import ED25519, EXCHANGE, ML_DSA_44, RECEIPT, STREAM, XWING, kid
from broker.keys.token import SigningToken, TokenKey
from broker.keys.token_uri import TokenUri, parse_uri
from contracts.errors import ConcordantError
from tests.support.softhsm import PIN, SoftHsm, softhsm

__all__ = ["softhsm"]
SOON = 2_000_000_000_000


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring_module, "scrypt_key", lambda p, s, _cost: (p + s)[:32].ljust(32))


@pytest.fixture
def token(softhsm: SoftHsm) -> Iterator[SigningToken]:
    made = SigningToken(parse_uri(softhsm.uri), PIN.encode)
    yield made
    made.close()


def ring(folder: Path, token: SigningToken | None) -> Keyring:
    return Keyring(
        folder, deployment="d", agency="alpha", passphrase=lambda: b"p" * 16, token=token
    )


def made(token: SigningToken) -> TokenKey:
    found, public = token.create("test", lambda raw: kid(STREAM, ED25519, raw))
    return TokenKey(token, found, public)


def code_of(act: object) -> str:
    with pytest.raises(ConcordantError) as caught:
        act()  # type: ignore[operator]
    assert caught.value.fix
    assert PIN not in caught.value.diagnostics() + repr(caught.value)
    return caught.value.code


def test_a_key_signs_on_the_token_and_cannot_leave_it(token: SigningToken) -> None:
    import pkcs11

    key = made(token)
    Ed25519Verifier(key.public).verify(key.sign(b"message"), b"message")
    private = token._key(key._kid)
    assert private[pkcs11.Attribute.SENSITIVE]
    assert not private[pkcs11.Attribute.EXTRACTABLE]
    with pytest.raises(pkcs11.PKCS11Error):
        private[pkcs11.Attribute.VALUE]


def test_a_keyring_makes_ed25519_keys_on_the_token_and_others_in_files(
    token: SigningToken, tmp_path: Path
) -> None:
    keys = ring(tmp_path / "keys", token)
    entries = [
        keys.create(role, algorithm, not_before=1000, not_after=SOON)
        for role, algorithm in (
            (STREAM, ED25519), (RECEIPT, ED25519), (STREAM, ML_DSA_44), (EXCHANGE, XWING),
        )
    ]  # fmt: skip
    kinds = sorted(
        (path.name.partition("-")[0], path.name.partition(".")[2])
        for path in (tmp_path / "keys").iterdir()
    )
    assert kinds == [
        ("exchange", "key.json"), ("receipt", "token.json"), ("stream", "key.json"),
        ("stream", "token.json"),
    ]  # fmt: skip
    again = ring(tmp_path / "keys", token)
    assert set(again.entries()) == set(entries)
    assert all(again.holds(entry.kid) for entry in entries)
    for entry in entries[:3]:
        signer = again.signer(entry.kid)
        assert (signer.public, signer.role) == (entry.public, entry.role)
        assert signer.sign(b"x")
    without = ring(tmp_path / "keys", None)
    assert code_of(lambda: without.signer(entries[0].kid)) == "config_signer"


def test_a_damaged_or_foreign_record_is_refused(token: SigningToken, tmp_path: Path) -> None:
    keys = ring(tmp_path / "keys", token)
    entry = keys.create(STREAM, ED25519, not_before=1000, not_after=SOON)
    (path,) = (tmp_path / "keys").iterdir()
    content = path.read_text()
    for before, after in (('"stream"', '"receipt"'), ('"alpha"', '"beta"'), ("{", "")):
        path.write_text(content.replace(before, after))
        assert code_of(lambda: keys.signer(entry.kid)) == "key_unreadable"
        assert code_of(keys.entries) == "key_unreadable"


def test_a_lost_session_is_opened_again(token: SigningToken) -> None:
    key = made(token)
    key.sign(b"first")
    token._session.close()
    Ed25519Verifier(key.public).verify(key.sign(b"second"), b"second")


def test_a_token_that_is_away_is_used_when_it_is_back(
    token: SigningToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pkcs11

    key = made(token)
    with monkeypatch.context() as away:

        def none(_: object) -> None:
            raise pkcs11.TokenNotPresent

        away.setattr(token_module, "_token", none)
        token._session.close()
        assert code_of(lambda: key.sign(b"x")) == "token_unavailable"
        assert token.state() == "token_unavailable"
    assert key.sign(b"x")
    assert token.state() is None


@pytest.fixture
def _logged_out(softhsm: SoftHsm) -> None:
    """End every login of this process: a token asks for no PIN while another session is open."""
    import pkcs11

    pkcs11.lib(softhsm.module).reinitialize()


@pytest.mark.usefixtures("_logged_out")
def test_a_wrong_pin_is_tried_once(softhsm: SoftHsm, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token locks itself after a few wrong PINs; another PIN at its place is tried."""
    pins, logins = [b"wrong-pin"], []
    real = token_module._token
    token = SigningToken(parse_uri(softhsm.uri), lambda: pins[0])

    def counted(uri: TokenUri) -> object:
        logins.append(pins[0])
        return real(uri)

    monkeypatch.setattr(token_module, "_token", counted)
    for _ in range(5):
        assert code_of(lambda: token.sign(bytes(32), b"x")) == "token_pin_wrong"
    assert logins == [b"wrong-pin"]
    pins[0] = PIN.encode()
    assert code_of(lambda: token.sign(bytes(32), b"x")) == "token_key_missing"
    token.close()


@pytest.mark.parametrize(
    ("flag", "code"), [("USER_PIN_FINAL_TRY", "token_pin_wrong"), ("USER_PIN_LOCKED", None)]
)
def test_the_last_try_of_a_token_is_left_to_people(
    softhsm: SoftHsm, monkeypatch: pytest.MonkeyPatch, flag: str, code: str | None
) -> None:
    import pkcs11

    def opened(**_: object) -> None:
        raise pkcs11.PinLocked

    double = SimpleNamespace(flags=getattr(pkcs11.TokenFlag, flag), open=opened)
    monkeypatch.setattr(token_module, "_token", lambda _: double)
    token = SigningToken(parse_uri(softhsm.uri), PIN.encode)
    assert code_of(lambda: token.sign(bytes(32), b"x")) == (code or "token_locked")
    assert token.state() == (None if code else "token_locked")


def test_a_key_that_the_token_lost_or_replaced_is_named(token: SigningToken) -> None:
    key, other = made(token), made(token)
    mixed = TokenKey(token, other._kid, key.public)
    assert code_of(lambda: mixed.sign(b"x")) == "token_key_missing"
    token.destroy(key._kid)
    token.destroy(key._kid)
    assert not token.holds(key._kid)
    assert token.holds(other._kid)
    assert code_of(lambda: key.sign(b"x")) == "token_key_missing"


def test_without_the_library_or_the_module_the_key_waits(
    softhsm: SoftHsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = parse_uri("pkcs11:token=x?module-path=/absent/module.so")
    assert code_of(lambda: SigningToken(uri, lambda: b"x").sign(b"", b"")) == "token_unavailable"
    other = parse_uri(f"pkcs11:token=other?module-path={softhsm.module}")
    assert code_of(lambda: SigningToken(other, lambda: b"x").sign(b"", b"")) == "token_unavailable"
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    token = SigningToken(parse_uri(softhsm.uri), lambda: b"x")
    assert code_of(lambda: token.sign(b"", b"")) == "token_unavailable"
    assert token.state() == "token_unavailable"


def test_a_token_that_cannot_make_ed25519_keys_is_named(
    token: SigningToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_module, "_CURVES", ())
    assert code_of(lambda: made(token)) == "token_unsuitable"
