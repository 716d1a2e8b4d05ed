"""Client of the endpoint: one signed POST for an event, within limits of time and bytes.

The administrator writes the address into `agency.toml`, and no event can change it. Redirects are
not followed, cookies are not kept, and no proxy is taken from the environment: personal data goes
to the named address only.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Final

import httpx

from adapters.webhook.answers import MOST_ANSWER_BYTES, Answer, Failed, ImportedBy, answer_of
from adapters.webhook.secret_file import read_keys
from adapters.webhook.signing import signature_headers
from broker.agency.delivery_sections import WebhookSection
from broker.agency.kafka_settings import authority_file
from broker.errors import ConfigError
from broker.waiting import out_of_descriptors

USER_AGENT: Final = "concordant-webhook"
_TLS_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Settings of the endpoint, with the places of its files.

    Attributes:
        url: its address.
        secret: file of the signing secrets.
        ca: authority of its certificate; None for those of the operating system.
        identity: files of our certificate and its key, if it wants one.
        minimum_tls: lowest version of TLS.
        proxy: HTTP proxy.
        timeout_s: for a whole request.
        requests: number of requests at once.
        imported_by: which answer says that an event is imported.
    """

    url: str
    secret: Path
    ca: Path | None = None
    identity: tuple[Path, Path] | None = None
    minimum_tls: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    proxy: str | None = None
    timeout_s: float = 20.0
    requests: int = 4
    imported_by: ImportedBy = "status"

    @property
    def tls_files(self) -> tuple[Path, ...]:
        """Return the files of the TLS settings."""
        return (*(() if self.ca is None else (self.ca,)), *(self.identity or ()))


def endpoint_settings(section: WebhookSection, root: Path) -> EndpointSettings:
    """Return the settings of a section whose paths are relative to the agency's folder."""
    identity = None
    if section.certificate is not None and section.key is not None:
        identity = root / section.certificate, root / section.key
    return EndpointSettings(
        section.url,
        root / section.secret,
        authority_file(section.ca, root),
        identity,
        _TLS_VERSIONS[section.minimum_tls],
        section.proxy,
        section.timeout,
        section.requests,
        section.imported_by,
    )


def shown_address(url: str) -> str:
    """Return an address without its query, which may hold a token."""
    return url.partition("?")[0].partition("#")[0]


class WebhookEndpoint:
    """The endpoint of the agency's system. It belongs to one event loop.

    Args:
        settings: its settings.
        clock: () -> ms since the epoch, for the timestamp that is signed.
    """

    def __init__(self, settings: EndpointSettings, clock: Callable[[], int]) -> None:
        self._settings = settings
        self._clock = clock
        self._client: httpx.AsyncClient | None = None
        self._files: tuple[tuple[int, int, int], ...] = ()

    def require_usable(self) -> None:
        """Check the secret and the TLS files.

        Raises:
            ConfigError: `webhook_secret_unusable` or `webhook_certificate_unusable`.
        """
        read_keys(self._settings.secret)
        _context(self._settings)

    async def send(self, message: str, body: bytes) -> Answer:
        """Send an event once, and return the meaning of the answer. It raises no error of its own.

        The sentence of a failed attempt ends with the address.

        Raises:
            OSError: this process has no free file descriptor.

        Args:
            message: the `webhook-id`.
            body: JSON of the event.
        """
        answer = await self._send(message, body)
        if isinstance(answer, Failed):
            detail = f"{answer.detail} The address is {shown_address(self._settings.url)}."
            return replace(answer, detail=detail)
        return answer

    async def _send(self, message: str, body: bytes) -> Answer:
        try:
            keys = read_keys(self._settings.secret)
            client = await self._connected()
        except ConfigError as error:
            return Failed(error.code, error.detail, endpoint=True)
        headers = {
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            "accept": "application/json",
            "accept-encoding": "identity",
            **signature_headers(keys, message, self._clock(), body),
        }
        try:
            async with (
                asyncio.timeout(self._settings.timeout_s),
                client.stream("POST", self._settings.url, content=body, headers=headers) as answer,
            ):
                content = await _limited(answer)
        except (TimeoutError, httpx.TimeoutException):
            detail = f"The endpoint did not answer within {self._settings.timeout_s:g} seconds."
            return Failed("webhook_slow", detail, endpoint=True)
        except (httpx.HTTPError, OSError) as error:  # httpx passes some errors of TLS on
            return _unreachable(error)
        return answer_of(
            answer.status_code,
            answer.headers,
            content,
            self._settings.imported_by,
            self._clock(),
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _connected(self) -> httpx.AsyncClient:
        """Return the client. A new one is made when a TLS file has changed."""
        files = tuple(_state(path) for path in self._settings.tls_files)
        if self._client is None or files != self._files:
            context = await asyncio.to_thread(_context, self._settings)
            before = self._client
            self._client, self._files = _client(self._settings, context), files
            if before is not None:
                # Requests that run keep their connections; `aclose` waits for none of them.
                asyncio.get_running_loop().call_later(
                    self._settings.timeout_s + 1, _close_later, before
                )
        return self._client


_CLOSING: Final[set[asyncio.Task[None]]] = set()


def _close_later(client: httpx.AsyncClient) -> None:
    task = asyncio.ensure_future(client.aclose())
    _CLOSING.add(task)
    task.add_done_callback(_CLOSING.discard)


def _client(settings: EndpointSettings, context: ssl.SSLContext) -> httpx.AsyncClient:
    jar = CookieJar(DefaultCookiePolicy(allowed_domains=()))  # keeps no cookie
    return httpx.AsyncClient(
        verify=context,
        cookies=jar,
        proxy=settings.proxy,
        trust_env=False,
        follow_redirects=False,
        timeout=settings.timeout_s,
        limits=httpx.Limits(
            max_connections=settings.requests, max_keepalive_connections=settings.requests
        ),
    )


async def _limited(answer: httpx.Response) -> bytes | None:
    """Return the body; None if it is too long, or has a content encoding."""
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        return None
    content = bytearray()
    async for piece in answer.aiter_raw(MOST_ANSWER_BYTES):
        content += piece
        if len(content) > MOST_ANSWER_BYTES:
            return None
    return bytes(content)


def _unreachable(error: Exception) -> Failed:
    """Return the fault without the text of the library, which may name addresses."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            reason = cause.reason or type(cause).__name__
            detail = f"The TLS connection to the endpoint failed ({reason})."
            return Failed("webhook_tls_failed", detail, endpoint=True)
        cause = cause.__cause__ or cause.__context__
    detail = f"The endpoint cannot be reached ({type(error).__name__})."
    return Failed("webhook_unreachable", detail, endpoint=True)


def _context(settings: EndpointSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(
            cafile=None if settings.ca is None else str(settings.ca)
        )
        context.minimum_version = settings.minimum_tls
        if settings.identity is not None:
            certificate, key = settings.identity
            context.load_cert_chain(str(certificate), str(key), password=_no_passphrase)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        if out_of_descriptors(error):
            raise
        reason = error.strerror if isinstance(error, OSError) else None
        raise ConfigError(
            f"The TLS files of the webhook cannot be used ({reason or type(error).__name__}).",
            code="webhook_certificate_unusable",
            where="agency.toml: webhook",
            fix="Correct ca, certificate and key of [webhook]: PEM files that this account can "
            "read; certificate and key belong together, and the key has no passphrase.",
        ) from None
    return context


def _no_passphrase() -> str:
    """Refuse an encrypted key, for which OpenSSL would ask on the terminal."""
    raise ValueError("encrypted")


def _state(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return found.st_ino, found.st_mtime_ns, found.st_size
