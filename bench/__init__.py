"""Benchmarks: what a sealed event costs, beside what others do (docs/benchmarks.md)."""
