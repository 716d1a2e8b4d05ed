"""Stable reason codes that this software counts, prints and logs."""
