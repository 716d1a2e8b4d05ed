"""All tables of the state database."""

from __future__ import annotations

from broker.store import desk_schema, figures_schema, reader_schema
from broker.store.schema import metadata

MODULES = (desk_schema, figures_schema, reader_schema)
"""The modules that define tables beside `broker.store.schema`."""
ALL_TABLES = metadata
"""The tables of all modules."""
