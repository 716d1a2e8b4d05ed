"""Registry of the contracts and manifests that an agency trusts: pure books, and their files."""
