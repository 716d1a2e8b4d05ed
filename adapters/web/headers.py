"""Headers of every answer (OWASP ASVS 5.0, chapter 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FORMS: Final = "form-action 'self'"
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        FORMS,
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "referrer-policy": "same-origin",  # under no-referrer a form has `Origin: null`, as from afar
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
HSTS: Final = "max-age=31536000"


class SafeHeaders:
    """Adds the headers; nothing but the stylesheet and the script may be kept by a browser.

    Args:
        app: the application.
        form_target: () -> a further origin to which a form may lead: browsers check the redirects
            of a form too, and the sign-out leads to the provider.
    """

    def __init__(self, app: ASGIApp, form_target: Callable[[], str | None]) -> None:
        self._app = app
        self._form_target = form_target

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with the headers."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if (target := self._form_target()) is not None:
                    headers["content-security-policy"] = POLICY.replace(FORMS, f"{FORMS} {target}")
                headers.setdefault("cache-control", "no-store")
                if scope.get("scheme") == "https":
                    headers["strict-transport-security"] = HSTS
            await send(message)

        await self._app(scope, receive, sending)
