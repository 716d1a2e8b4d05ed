"""Kind of adapter of an agency without a case system: its people use the desk."""

from __future__ import annotations

from typing import Final

from adapters.desk.no_files import NoFiles

ADAPTER: Final = NoFiles()
"""The object that the entry-point group ``concordant.adapters`` loads."""
