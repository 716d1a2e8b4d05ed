"""Refusals that a page answers with another page."""

from __future__ import annotations


class PageError(Exception):
    """A request that is answered with a page of its own.

    Attributes:
        status: HTTP status.
        template: the page.
        values: values for the page.
    """

    status: int
    template: str

    def __init__(self, **values: object) -> None:
        super().__init__(type(self).__name__)
        self.values = values


class PageNotFoundError(PageError):
    """The address, or the thing that it names, does not exist here."""

    status = 404
    template = "errors/not_found.html"


class LogUncheckedError(PageError):
    """The disclosure log is being verified for the first time; no entry is shown before."""

    status = 503
    template = "officer/log_check.html"


class SessionMissingError(PageError):
    """No person is signed in, or the session has ended."""

    status = 401
    template = "errors/session_ended.html"


class RoleMissingError(PageError):
    """The person has none of the roles of the page."""

    status = 403
    template = "errors/no_permission.html"


class ProofMissingError(PageError):
    """The person must sign in again before this step: the last time is too long ago."""

    status = 403
    template = "errors/sign_in_again.html"


class FormRefusedError(PageError):
    """The form was not sent from a page of this session."""

    status = 403
    template = "errors/form_refused.html"


class TooManyRequestsError(PageError):
    """The person, or all people together, ask too fast."""

    status = 429
    template = "errors/too_many.html"


class RequestTooLargeError(PageError):
    """The form or the file is larger than the page takes."""

    status = 413
    template = "errors/too_large.html"


class TooSlowError(PageError):
    """The form or the file came too slowly."""

    status = 408
    template = "errors/too_slow.html"
