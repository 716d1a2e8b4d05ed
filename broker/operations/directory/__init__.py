"""Use cases of the directory: publish, show, search, coverage, readiness."""
