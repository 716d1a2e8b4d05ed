"""Tests of the sink `webhook`."""
