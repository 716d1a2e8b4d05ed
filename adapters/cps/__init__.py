"""Crown Prosecution Service: an XML case export, its codes and its reporting groups."""

from __future__ import annotations

from adapters.cps.mapping import CpsAdapter

ADAPTER = CpsAdapter()
"""What the entry-point group ``concordant.adapters`` loads."""
