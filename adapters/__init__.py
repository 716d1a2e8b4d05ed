"""Adapters: what connects an agency's own system to the broker, and the command that wires all."""
