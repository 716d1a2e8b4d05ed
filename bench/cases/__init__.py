"""What is measured: each module here is one way to send the event (``bench.measuring.Case``)."""
