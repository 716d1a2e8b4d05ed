"""Sinks: they hand received events to the agency's own system."""
