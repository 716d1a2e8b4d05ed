"""Outbox and inbox tables in the agency's own database, as a source and a sink."""
