"""Measured cases: each module is one way to send the event (``bench.measuring.Case``)."""
