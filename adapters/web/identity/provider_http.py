"""HTTP client for an OpenID Connect provider, within limits of time and bytes.

The provider is trusted to name people, and for nothing else: an answer that is too large, too slow,
a redirect or not JSON is refused before it is used.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from adapters.web.identity.refusals import ProviderUnavailableError, SignInRefusedError
from broker.agency.config_rules import is_loopback
from broker.strict_json import StrictJsonError, parse_strict_json

ANSWER_BYTES: Final = 262_144
"""Most bytes of an answer of the provider."""
STEP_S: Final = 10.0
"""Seconds for one step of a request."""
ANSWER_S: Final = 20.0
"""Seconds for a whole answer."""
_OK: Final = 200


class ProviderHttp:
    """Client for one provider. Safe for threads.

    Args:
        ca: file of the authority of its certificate; None for those of the operating system.

    Raises:
        OSError: the file of the authority cannot be used.
    """

    def __init__(self, ca: Path | None) -> None:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
        self._client = httpx.Client(
            verify=context,
            trust_env=False,
            follow_redirects=False,
            timeout=STEP_S,
            headers={"accept": "application/json", "accept-encoding": "identity"},
        )

    def get(self, address: str) -> Mapping[str, object]:
        """Return the JSON object at an address.

        Raises:
            ProviderUnavailableError: there is none within the limits.
        """
        return self._ask("GET", address, None, {})

    def post(self, address: str, body: str, headers: Mapping[str, str]) -> Mapping[str, object]:
        """Return the JSON object that answers a form.

        Args:
            address: of the endpoint.
            body: the form, ``application/x-www-form-urlencoded``.
            headers: further headers.

        Raises:
            ProviderUnavailableError: there is no answer within the limits.
            SignInRefusedError: the provider refuses, with a status of 400 to 499.
        """
        form = {"content-type": "application/x-www-form-urlencoded"}
        return self._ask("POST", address, body, {**headers, **form})

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(
        self, method: str, address: str, body: str | None, headers: Mapping[str, str]
    ) -> Mapping[str, object]:
        try:
            with self._client.stream(method, address, content=body, headers=headers) as answer:
                content = _bounded(answer)
        except (httpx.HTTPError, httpx.InvalidURL, OSError):  # httpx passes some errors of TLS on
            raise ProviderUnavailableError("provider_unreachable") from None
        if body is not None and answer.is_client_error:
            raise SignInRefusedError("code_refused")
        if answer.status_code != _OK:
            raise ProviderUnavailableError("provider_answer")
        try:
            value = parse_strict_json(content)
        except StrictJsonError:
            raise ProviderUnavailableError("provider_answer") from None
        if not isinstance(value, dict):
            raise ProviderUnavailableError("provider_answer")
        return value


def is_safe(address: str, *, local: bool) -> bool:
    """Return whether an endpoint may be called.

    Args:
        address: URL of the endpoint.
        local: whether the provider is on this machine, which may answer without TLS.
    """
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None or not host:
        return False
    return parts.scheme == "https" or (local and parts.scheme == "http" and is_loopback(host))


def _bounded(answer: httpx.Response) -> bytes:
    """Return the body.

    Raises:
        ProviderUnavailableError: it is too large, too slow or encoded.
    """
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise ProviderUnavailableError("provider_answer")
    ends = time.monotonic() + ANSWER_S
    content = bytearray()
    for piece in answer.iter_raw():
        content += piece
        if len(content) > ANSWER_BYTES or time.monotonic() > ends:
            raise ProviderUnavailableError("provider_answer")
    return bytes(content)
