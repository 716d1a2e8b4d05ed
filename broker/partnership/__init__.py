"""Founding of a partnership: entries, fingerprints and bundles that agencies pass to each other."""
