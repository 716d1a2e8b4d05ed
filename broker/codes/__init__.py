"""Stable reason codes: what this software can count, print and log."""
