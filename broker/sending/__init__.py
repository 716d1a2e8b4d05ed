"""Sending: deciding and sealing an event, its place in a signed stream, and the way to Kafka."""
