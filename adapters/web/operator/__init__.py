"""Pages of the operator: whether everything flows, and what to do. They show no personal data."""
