"""Reasons for which a person is not signed in."""

from __future__ import annotations

from adapters.web.errors import PageError


class SignInRefusedError(PageError):
    """The answer of the provider, or a header of the proxy, does not sign the person in.

    Attributes:
        reason: code for the page and the log, without personal data.
    """

    status = 403
    template = "sign_in/refused.html"

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)
        self.reason = reason


class ProviderUnavailableError(SignInRefusedError):
    """The provider cannot be reached, or gives no usable answer."""

    status = 503
    template = "sign_in/unavailable.html"
