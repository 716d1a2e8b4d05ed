"""Sources: where an agency's own exports come in."""
