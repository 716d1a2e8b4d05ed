"""Runbook: for each trouble of an adapter its meaning, and the steps that end it."""
