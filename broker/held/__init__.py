"""Held items: everything that was accepted and has not reached its destination."""
