"""Pages of this application to which a browser may be sent back."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import URL

MOST_CHARACTERS: Final = 1_000
HOME: Final = "/"
_ALLOWED: Final = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/%?&=+:@!$'()*,;"
)
_NO_TARGET: Final = ("//", "/sign-in", "/signed-out", "/sign-out", "/link", "/live", "/static")


def own_path(wanted: str | URL | None) -> str:
    """Return a path with its query if it is a page of this application, else the first page.

    An address of another site would be an open redirect: a link to us that leads elsewhere.

    Args:
        wanted: what a request asks for.
    """
    if isinstance(wanted, URL):
        wanted = f"{wanted.path}?{wanted.query}" if wanted.query else wanted.path
    if (
        wanted is None
        or not wanted.startswith("/")
        or wanted.startswith(_NO_TARGET)
        or len(wanted) > MOST_CHARACTERS
        or not _ALLOWED.issuperset(wanted)
    ):
        return HOME
    return wanted
