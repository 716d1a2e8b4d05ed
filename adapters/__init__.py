"""Adapters between an agency's own system and the broker, and the command line."""
