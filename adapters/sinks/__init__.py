"""Sinks: where what arrived for an agency is handed over to its own system."""
