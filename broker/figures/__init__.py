"""Figures without a centre: each agency counts the cases that it minted (docs/spec/figures.md)."""
