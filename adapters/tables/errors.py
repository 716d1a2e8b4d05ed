"""Errors of the agency's own database."""

from __future__ import annotations

from contracts.errors import ConcordantError


class DatabaseError(ConcordantError):
    """The agency's own database cannot be used now. Nothing is lost: the rows stay where they are.

    Codes: `database_driver_missing`, `database_unreachable`, `database_login_refused`,
    `database_tls_failed`, `database_table_missing`, `database_rights_missing`, `database_busy`,
    `database_in_use`, `database_failed`, `database_row_failed`. The text never has the address, a
    value or the text of the server.
    """

    code = "database_failed"
    exit_code = 3


class RowFaultError(DatabaseError):
    """The database refuses to read or change one row; others may work."""

    code = "database_row_failed"
