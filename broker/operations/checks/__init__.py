"""Checks of everything that an adapter needs: each with its result and what to do."""
