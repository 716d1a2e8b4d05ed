"""An agency's folder: its settings, keys and manifest."""
