"""Demonstration with fictitious agencies and cases."""
