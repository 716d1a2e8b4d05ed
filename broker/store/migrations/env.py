"""Alembic's entry: it runs inside the transaction that `broker.store.migration` has begun."""

from __future__ import annotations

from alembic import context

from broker.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a column; Alembic copies the table instead
    transactional_ddl=False,  # the transaction is the caller's
)
context.run_migrations()
