"""Kafka: topics and rights, connections, sending and receiving, and a local one to try things with.

Only the package `kafka` beside this file imports FastStream and aiokafka.
"""

from __future__ import annotations
