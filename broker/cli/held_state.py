"""The name under which commands import `broker.agency.held_state`."""

from broker.agency.held_state import open_held_state

__all__ = ["open_held_state"]
