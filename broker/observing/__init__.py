"""Observability of a running broker for operators: logs, metrics, health. Nothing personal."""
