"""Judging of records (steps 0 to 10 of docs/spec/opening.md), and its context."""
