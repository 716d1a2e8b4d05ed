"""Signing keys on a PKCS#11 token (HSM): Ed25519 keys that are made there and never leave it.

This is the only importer of the PKCS#11 library (`python-pkcs11`, the extra `pkcs11`). A PKCS#11
URI (RFC 7512) names module and token. The token is opened when the first signature is needed, and
its session is kept. When a session is lost (the token was taken away, the service behind it
restarted), the next signature opens another one; if that fails, the error says so, and the caller
tries again later. A PIN that the token refused is not tried a second time, because a token locks
itself after a few wrong ones: only another PIN at its place is tried.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, NoReturn

from broker.envelope.primitives import (
    ED25519_PUBLIC_BYTES,
    ED25519_SIGNATURE_BYTES,
    Ed25519Verifier,
    KeyMalformed,
    SignatureInvalid,
)
from broker.errors import KeyAccessError
from broker.keys.token_uri import TokenUri

TOKEN_CODES: Final = frozenset(
    {
        "token_unavailable", "token_pin_wrong", "token_locked", "token_key_missing",
        "passphrase_missing", "passphrase_store_unreachable", "passphrase_store_refused",
    }
)  # fmt: skip
"""Codes of a signature that cannot be made now, the lack of a PIN among them."""
_PREFIX: Final = b"\x04\x20"
"""Header of a 32-byte OCTET STRING, in which tokens give an Ed25519 point."""
_CURVES: Final = ("1.3.101.112", "1.3.6.1.4.1.11591.15.1")
"""Ed25519 as RFC 8410 names it, and as older tokens do."""


class TokenKey:
    """One Ed25519 key on a token."""

    def __init__(self, token: SigningToken, kid: bytes, public: bytes) -> None:
        """Args: token: where it is; kid: its id there; public: 32 bytes."""
        self._token = token
        self._kid = kid
        self.public = public

    def sign(self, message: bytes) -> bytes:
        """Return the signature over exactly `message`, which was verified.

        Raises:
            KeyAccessError: `token_unavailable`, `token_pin_wrong`, `token_locked` or
                `token_key_missing`.
        """
        signature = self._token.sign(self._kid, message)
        try:  # a broken token must not make a record that no reader believes
            if len(signature) != ED25519_SIGNATURE_BYTES:
                raise SignatureInvalid
            Ed25519Verifier(self.public).verify(signature, message)
        except SignatureInvalid:
            raise _error(
                "token_key_missing",
                "The token signs with another key than the one that is listed.",
                self._token.uri,
                "Replace every key: concordant keys renew --all --agency DIR",
            ) from None
        return signature


class SigningToken:
    """A token that makes Ed25519 keys and signs with them. Threads may share it."""

    def __init__(self, uri: TokenUri, pin: Callable[[], bytes]) -> None:
        """Args: uri: names module and token; pin: returns the user PIN, for each login."""
        self.uri = uri
        self._pin = pin
        self._lock = threading.RLock()
        self._session: Any = None
        self._keys: dict[bytes, Any] = {}
        self._refused: bytes | None = None

    def sign(self, kid: bytes, message: bytes) -> bytes:
        """Return a signature; a lost session is opened again once.

        Raises:
            KeyAccessError: as `TokenKey.sign`.
        """
        with self._lock:
            for last in (False, True):
                try:
                    with _translated(self.uri):
                        return self._signed(kid, message)
                except KeyAccessError as error:
                    self.close()
                    if last or error.code in {"token_pin_wrong", "token_locked"}:
                        raise
            raise AssertionError

    def create(self, label: str, name: Callable[[bytes], bytes]) -> tuple[bytes, bytes]:
        """Make a key on the token that cannot leave it.

        Args:
            label: for the people who administer the token.
            name: public key -> the key's id.

        Returns:
            (id, public key).

        Raises:
            KeyAccessError: as `TokenKey.sign`.
        """
        with self._lock, _translated(self.uri):
            return self._named(*self._made(label), name)

    def holds(self, kid: bytes) -> bool:
        """Return whether the token holds the private half.

        Raises:
            KeyAccessError: as `TokenKey.sign`, but not `token_key_missing`.
        """
        with self._lock, _translated(self.uri):
            try:
                self._key(kid)
            except KeyAccessError as error:
                if error.code != "token_key_missing":
                    raise
                return False
            return True

    def destroy(self, kid: bytes) -> None:
        """Destroy both halves on the token; a second call changes nothing.

        Raises:
            KeyAccessError: as `holds`.
        """
        with self._lock, _translated(self.uri):
            from pkcs11 import Attribute

            for found in list(self._opened().get_objects({Attribute.ID: kid})):
                found.destroy()
            self._keys.pop(kid, None)

    def close(self) -> None:
        """Forget the session; the next use opens another one."""
        with self._lock:
            session, self._session = self._session, None
            self._keys.clear()
            if session is not None:
                with suppress(Exception):  # the token is gone, perhaps
                    session.close()

    def _signed(self, kid: bytes, message: bytes) -> bytes:
        import pkcs11

        return bytes(self._key(kid).sign(message, mechanism=pkcs11.Mechanism.EDDSA))

    def _named(
        self, public: Any, private: Any, name: Callable[[bytes], bytes]
    ) -> tuple[bytes, bytes]:
        """Give a new pair its id; it is destroyed if it could leave the token."""
        from pkcs11 import Attribute, AttributeTypeInvalid, PKCS11Error

        try:
            raw = _point(public[Attribute.EC_POINT])
            kid = name(raw)
            if private[Attribute.EXTRACTABLE] or not private[Attribute.SENSITIVE]:
                raise AttributeTypeInvalid
            for half in (public, private):
                half[Attribute.ID] = kid
        except BaseException:
            for half in (public, private):
                with suppress(PKCS11Error):
                    half.destroy()
            raise
        return kid, raw

    def _made(self, label: str) -> tuple[Any, Any]:
        import pkcs11
        from pkcs11 import Attribute, KeyType, Mechanism
        from pkcs11.util.ec import encode_named_curve_parameters

        session = self._opened()
        for curve in _CURVES:
            parameters = session.create_domain_parameters(
                KeyType.EC_EDWARDS,
                {Attribute.EC_PARAMS: encode_named_curve_parameters(curve)},
                local=True,
            )
            try:
                made: tuple[Any, Any] = parameters.generate_keypair(
                    mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
                    store=True,
                    label=label,
                    private_template={
                        Attribute.SENSITIVE: True,
                        Attribute.EXTRACTABLE: False,
                        Attribute.PRIVATE: True,
                        Attribute.SIGN: True,
                    },
                )
            except (pkcs11.DomainParamsInvalid, pkcs11.AttributeValueInvalid):
                continue
            return made
        raise _error(
            "token_unsuitable",
            "The token cannot make an Ed25519 key.",
            self.uri,
            "Use a token whose module has CKM_EC_EDWARDS_KEY_PAIR_GEN and CKM_EDDSA.",
        )

    def _key(self, kid: bytes) -> Any:
        import pkcs11
        from pkcs11 import Attribute

        key = self._keys.get(kid)
        if key is None:
            wanted = {Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY, Attribute.ID: kid}
            found = list(self._opened().get_objects(wanted))  # to the end: else a search stays open
            key = found[0] if found else None
            if key is None:
                raise _error(
                    "token_key_missing",
                    f"The token does not hold a key that is listed (id {kid.hex()[:16]}).",
                    self.uri,
                    "Connect the token that made the key, or bring the governance keys and replace "
                    "every key: concordant keys renew --all --agency DIR",
                )
            self._keys[kid] = key
        return key

    def _opened(self) -> Any:
        """Return the session; it is opened if there is none."""
        import pkcs11

        if self._session is None:
            pin = self._pin()
            mark = hashlib.sha256(pin).digest()
            if mark == self._refused:
                _pin_wrong(self.uri)
            token = _token(self.uri)
            if token.flags & pkcs11.TokenFlag.USER_PIN_FINAL_TRY:
                _pin_wrong(self.uri)  # one more would lock it: a person looks first
            try:
                self._session = token.open(rw=True, user_pin=pin.decode("utf-8", "replace"))
            except pkcs11.UserAlreadyLoggedIn:  # by another session of this process
                self._session = token.open(rw=True)
            except pkcs11.PKCS11Error as error:
                if type(error).__name__ in _WRONG_PIN:
                    self._refused = mark
                raise
        return self._session

    def state(self) -> str | None:
        """Return a code if the token is away or locked; None if it is there. Needs no PIN."""
        try:
            with self._lock, _translated(self.uri):
                if _is_locked(_token(self.uri)):
                    return "token_locked"
        except KeyAccessError as error:
            return error.code
        return None


_WRONG_PIN: Final = frozenset({"PinIncorrect", "PinInvalid", "PinLenRange"})
_LOCKED: Final = frozenset({"PinLocked", "PinExpired"})


def _token(uri: TokenUri) -> Any:
    """Return the one token that the URI names."""
    import pkcs11

    library = pkcs11.lib(uri.module)
    found = []
    for slot in library.get_slots(token_present=True):
        token = slot.get_token()
        named = (
            (uri.token, token.label),
            (uri.serial, _text(token.serial)),
            (uri.manufacturer, _text(token.manufacturer_id)),
            (uri.model, _text(token.model)),
            (uri.slot, slot.slot_id),
        )
        if all(asked is None or asked == stated for asked, stated in named):
            found.append(token)
    if len(found) != 1:
        raise pkcs11.MultipleTokensReturned if found else pkcs11.NoSuchToken
    return found[0]


def _is_locked(token: Any) -> bool:
    import pkcs11

    return bool(token.flags & pkcs11.TokenFlag.USER_PIN_LOCKED)


def _text(value: bytes | str) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    return text.rstrip("\0 ")


def _point(value: bytes) -> bytes:
    """Return the raw public key of an EC_POINT, which is an OCTET STRING or raw."""
    raw = bytes(value)
    if raw.startswith(_PREFIX) and len(raw) == ED25519_PUBLIC_BYTES + len(_PREFIX):
        raw = raw[len(_PREFIX) :]
    try:
        Ed25519Verifier(raw)
    except KeyMalformed:
        raise ValueError from None
    return raw


@contextmanager
def _translated(uri: TokenUri) -> Iterator[None]:
    """Translate exceptions of the library, whose text a module writes, to KeyAccessError."""
    try:
        import pkcs11
    except ImportError:
        raise _error(
            "token_unavailable",
            "The library for PKCS#11 tokens is not installed.",
            uri,
            "Install it: pip install 'concordant[pkcs11]'",
        ) from None
    try:
        yield
    except KeyAccessError:
        raise
    except pkcs11.PKCS11Error as error:
        name = type(error).__name__
        if name in _WRONG_PIN:
            _pin_wrong(uri)
        if name in _LOCKED:
            raise _error(
                "token_locked",
                "The token is locked: too many wrong PINs were given, or its PIN has expired.",
                uri,
                "Let the token's security officer unlock it and set a PIN. Put the PIN in the "
                "place that [signing_pin] in agency.toml names.",
            ) from None
        raise _unavailable(uri, name) from None
    except (OSError, RuntimeError, ValueError) as error:
        raise _unavailable(uri, type(error).__name__) from None


def _pin_wrong(uri: TokenUri) -> NoReturn:
    raise _error(
        "token_pin_wrong",
        "The token refuses the PIN. It is not tried again, so that the token does not lock.",
        uri,
        "Put the right PIN in the place that [signing_pin] in agency.toml names.",
    )


def _unavailable(uri: TokenUri, reason: str) -> KeyAccessError:
    return _error(
        "token_unavailable",
        f"The token cannot be used now ({reason}).",
        uri,
        "Connect the token, or start the service behind its module. Check the URI in agency.toml, "
        "[keys] signing. The adapter tries again by itself.",
    )


def _error(code: str, detail: str, uri: TokenUri, fix: str) -> KeyAccessError:
    return KeyAccessError(detail, code=code, where=uri.text, fix=fix)
