"""Kafka in memory for tests: the one of `broker.transport.memory`."""

from broker.transport.memory import MemoryKafka, MemoryTransport

__all__ = ["MemoryKafka", "MemoryTransport"]
