"""Alembic environment, run inside the transaction that `broker.store.migration` has begun."""

from __future__ import annotations

from alembic import context

from broker.store.all_tables import ALL_TABLES

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=ALL_TABLES,
    render_as_batch=True,  # SQLite cannot alter a column; Alembic copies the table instead
    transactional_ddl=False,  # the caller owns the transaction
)
context.run_migrations()
