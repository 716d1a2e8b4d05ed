"""Signed statements of agencies besides events, as bytes, and their signers (docs/spec/keys.md)."""
