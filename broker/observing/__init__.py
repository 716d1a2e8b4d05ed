"""What operators see of a running broker: logs, metrics, health. Nothing personal."""
