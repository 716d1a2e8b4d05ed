"""The name under which commands import `broker.errors.WrongInputError`."""

from broker.errors import WrongInputError

__all__ = ["WrongInputError"]
