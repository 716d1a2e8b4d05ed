"""Receiving: step 11 of docs/spec/opening.md, and records that wait or are refused."""
