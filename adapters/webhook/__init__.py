"""The sink `webhook`: received events as signed HTTP requests (Standard Webhooks)."""
