"""Error of the client, with the code of the adapter's answer or of the client itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from contracts.errors import ConcordantError


class ClientError(ConcordantError):
    """A request that was not carried out, or an event that cannot be handled.

    Attributes:
        status: HTTP status of the adapter's answer; 0 if it did not answer.
        members: further members of the answer.
        retry_s: seconds after which the same request may succeed; None if it has to be changed.
    """

    code = "client_answer_unknown"

    def __init__(
        self,
        detail: str,
        *,
        code: str,
        where: str | None = None,
        fix: str | None = None,
        status: int = 0,
        members: Mapping[str, object] | None = None,
        retry_s: float | None = None,
    ) -> None:
        super().__init__(detail, code=code, where=where, fix=fix)
        self.status = status
        self.members = dict(members or {})
        self.retry_s = retry_s


_ABOUT_THE_CALLER: Final = frozenset({"client_answer_unknown", "path_unknown"})


def concerns_the_caller(error: ClientError) -> bool:
    """Return whether an error is about the adapter, its address or the token.

    Then the event, or the result, is not judged yet: it waits, and is sent again later.
    """
    if error.code == "idempotency_key_invalid":  # the client's own judgement of one event
        return False
    return (
        error.retry_s is not None
        or error.status in {0, 401, 403}
        or error.code in _ABOUT_THE_CALLER
    )
