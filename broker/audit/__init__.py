"""Disclosure log: what this agency shared, read, refused and erased, as a Merkle log."""

from __future__ import annotations
