"""Figures about cases: what is counted, and what of it may be published."""
