"""Use cases for what is on its way: out of this agency (outbox), and to its own system (inbox)."""
