"""Stylesheet and script, which a browser may keep; their address changes with their content."""

from __future__ import annotations

from hashlib import sha256
from os import PathLike, stat_result
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope


class KeptFiles(StaticFiles):
    """Files that a browser may keep for a year."""

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Return a file, with the time for which it may be kept."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def versioned(path: Path) -> str:
    """Return the address of a file of ``static/``, which changes with its content."""
    return f"/static/{path.name}?v={sha256(path.read_bytes()).hexdigest()[:16]}"
