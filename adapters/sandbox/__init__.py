"""Rehearsal of one agency with simulated partners, with throw-away keys and a Kafka in memory."""
