"""Judging records: steps 0 to 10 of docs/spec/opening.md, and what a judge may look at."""
