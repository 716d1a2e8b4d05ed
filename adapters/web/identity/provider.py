"""OpenID Connect provider: discovery, keys, sign-in with a code, sign-out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urlsplit

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from adapters.web.identity.id_token import Expected, verified_claims
from adapters.web.identity.pending import PendingSignIn
from adapters.web.identity.provider_http import ProviderHttp, is_safe
from adapters.web.identity.refusals import ProviderUnavailableError, SignInRefusedError

FRESH_MS: Final = 60 * 60 * 1000
"""Time for which the provider's metadata and keys are used without asking again."""
AGAIN_MS: Final = 60 * 1000
"""Least time between two requests for keys, however many tokens have an unknown key."""
PAUSE_MS: Final = 5 * 1000
"""Time after a failure in which the provider is not asked: people who sign in do not queue up."""
ADDRESS_CHARACTERS: Final = 2_048


@dataclass(frozen=True, slots=True)
class ProviderClient:
    """This application at the provider.

    Attributes:
        issuer: identifier of the provider.
        client_id: our id there.
        secret: () -> our secret; it is read at each use.
        scopes: what is asked for.
    """

    issuer: str
    client_id: str
    secret: Callable[[], str]
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Metadata:
    """Endpoints of the provider (OpenID Connect Discovery 1.0), checked.

    Attributes:
        authorization: where people sign in.
        token: where a code becomes a token.
        keys: where its public keys are.
        end_session: where people sign out; None if the provider has no such address.
        basic: whether our secret goes into a header, not into the form.
        names_issuer: whether each answer names the issuer (RFC 9207).
    """

    authorization: str
    token: str
    keys: str
    end_session: str | None
    basic: bool
    names_issuer: bool


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Result of a sign-in.

    Attributes:
        claims: verified claims about the person.
        id_token: the token, which the provider wants to see again at the sign-out.
    """

    claims: Mapping[str, object]
    id_token: str


class Provider:
    """One provider. Safe for threads.

    Args:
        client: this application.
        http: client of HTTP.
        clock: () -> ms since the epoch.
    """

    def __init__(
        self, client: ProviderClient, http: ProviderHttp, clock: Callable[[], int]
    ) -> None:
        self._client = client
        self._http = http
        self._clock = clock
        self._lock = threading.Lock()
        self._metadata: tuple[int, Metadata] | None = None
        self._keys: tuple[int, KeySet] | None = None
        self._failed_ms = -PAUSE_MS

    def sign_in_address(self, pending: PendingSignIn, answer_to: str) -> str:
        """Return where the browser goes to sign in.

        Args:
            pending: the sign-in that begins.
            answer_to: our address for the answer.

        Raises:
            ProviderUnavailableError: the provider cannot be asked.
        """
        proof = {"prompt": "login", "max_age": "0"} if pending.again else {}
        address: str = prepare_grant_uri(
            self.metadata().authorization,
            self._client.client_id,
            "code",
            redirect_uri=answer_to,
            scope=" ".join(("openid", *self._client.scopes)),
            state=pending.state,
            nonce=pending.nonce,
            code_challenge=create_s256_code_challenge(pending.verifier),
            code_challenge_method="S256",
            **proof,
        )
        return address

    def require_issuer(self, named: str | None) -> None:
        """Check who answers (RFC 9207): the answer of another provider is not used here.

        Args:
            named: the parameter ``iss`` of the answer.

        Raises:
            SignInRefusedError: `issuer`.
        """
        if named is None and not self.metadata().names_issuer:
            return
        if named != self._client.issuer:
            raise SignInRefusedError("issuer")

    def signed_in(self, code: str, pending: PendingSignIn, answer_to: str) -> SignedIn:
        """Return who signed in, for a code.

        Args:
            code: from the answer.
            pending: the sign-in that it answers.
            answer_to: our address for the answer, as in the request.

        Raises:
            SignInRefusedError: the provider refuses the code, or its token is not acceptable.
            ProviderUnavailableError: the provider cannot be asked.
            ConcordantError: our secret cannot be read.
        """
        answer = self._exchanged(code, pending, answer_to)
        token, access = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str) or str(answer.get("token_type", "")).lower() != "bearer":
            raise SignInRefusedError("token_missing")
        expected = Expected(
            self._client.issuer,
            self._client.client_id,
            pending.nonce,
            access if isinstance(access, str) else None,
        )
        now_s = self._clock() // 1000
        try:
            claims = verified_claims(token, self._key_set(FRESH_MS), expected, now_s)
        except SignInRefusedError as error:
            if error.reason != "token_signature":
                raise
            # the provider may have replaced its keys
            claims = verified_claims(token, self._key_set(AGAIN_MS), expected, now_s)
        return SignedIn(claims, token)

    def sign_out_address(self, id_token: str, back_to: str) -> str | None:
        """Return where the browser goes to sign out (RP-Initiated Logout 1.0); None if nowhere.

        Args:
            id_token: the token of the sign-in.
            back_to: our page after it.
        """
        metadata = None if self._metadata is None else self._metadata[1]
        if metadata is None or metadata.end_session is None:
            return None
        parameters = {
            "id_token_hint": id_token,
            "client_id": self._client.client_id,
            "post_logout_redirect_uri": back_to,
        }
        joint = "&" if "?" in metadata.end_session else "?"
        return f"{metadata.end_session}{joint}{urlencode(parameters)}"

    @property
    def sign_out_origin(self) -> str | None:
        """Return the origin of the sign-out; None if there is none, or it is not known yet."""
        metadata = None if self._metadata is None else self._metadata[1]
        if metadata is None or metadata.end_session is None:
            return None
        parts = urlsplit(metadata.end_session)
        return f"{parts.scheme}://{parts.netloc}"

    def metadata(self) -> Metadata:
        """Return the endpoints.

        Raises:
            ProviderUnavailableError: the provider cannot be asked, or names unsafe endpoints.
        """
        with self._lock:
            now = self._clock()
            if self._metadata is None or now - self._metadata[0] >= FRESH_MS:
                if now - self._failed_ms < PAUSE_MS:
                    raise ProviderUnavailableError("provider_unreachable")
                self._metadata = now, self._discovered()
            return self._metadata[1]

    def _discovered(self) -> Metadata:
        issuer = self._client.issuer
        try:
            found = self._http.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            return metadata_of(found, issuer)
        except ProviderUnavailableError:
            self._failed_ms = self._clock()
            raise

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _exchanged(self, code: str, pending: PendingSignIn, answer_to: str) -> Mapping[str, object]:
        metadata = self.metadata()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": answer_to,
            "code_verifier": pending.verifier,
        }
        auth = ClientAuth(
            self._client.client_id,
            self._client.secret(),
            "client_secret_basic" if metadata.basic else "client_secret_post",
        )
        uri, headers, body = auth.prepare("POST", metadata.token, {}, urlencode(form))
        return self._http.post(uri, body, headers)

    def _key_set(self, fresh_ms: int) -> KeySet:
        address = self.metadata().keys
        with self._lock:
            now = self._clock()
            if self._keys is None or now - self._keys[0] >= fresh_ms:
                self._keys = now, _keys_of(self._http.get(address))
            return self._keys[1]


def metadata_of(found: Mapping[str, object], issuer: str) -> Metadata:
    """Return the metadata of a provider.

    Args:
        found: its document.
        issuer: the issuer that we asked; another one would sign people in for it (mix-up).

    Raises:
        ProviderUnavailableError: `provider_metadata`.
    """
    local = issuer.startswith("http:")
    methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    addresses = [
        found.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
    ]
    end_session = found.get("end_session_endpoint")
    usable = [
        one
        for one in (*addresses, end_session)
        if isinstance(one, str) and len(one) <= ADDRESS_CHARACTERS and is_safe(one, local=local)
    ]
    wanted = len(addresses) + (end_session is not None)
    if found.get("issuer") != issuer or len(usable) != wanted or not isinstance(methods, list):
        raise ProviderUnavailableError("provider_metadata")
    return Metadata(
        usable[0],
        usable[1],
        usable[2],
        usable[3] if end_session is not None else None,
        "client_secret_basic" in methods,
        found.get("authorization_response_iss_parameter_supported") is True,
    )


def _keys_of(found: Mapping[str, object]) -> KeySet:
    try:
        return KeySet.import_key_set({"keys": _public(found.get("keys"))})
    except (JoseError, ValueError, TypeError, KeyError):
        raise ProviderUnavailableError("provider_keys") from None


def _public(keys: object) -> list[dict[str, str | list[str]]]:
    """Return the public keys for signatures; a shared secret among them is left out."""
    if not isinstance(keys, list):
        raise TypeError("keys")
    return [
        one
        for one in keys
        if isinstance(one, dict)
        and one.get("kty") in {"RSA", "EC"}
        and one.get("use", "sig") == "sig"
    ]
