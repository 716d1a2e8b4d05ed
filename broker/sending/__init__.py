"""Sending: decision, sealing, position in a signed stream, and transfer to Kafka."""
