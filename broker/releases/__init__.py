"""Releases of figures: their forms for people and programs, and their notes."""
