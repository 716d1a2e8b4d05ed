"""Error of the client, with the code of the adapter's answer or of the client itself."""

from __future__ import annotations

from collections.abc import Mapping

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
