"""Sources: they bring in an agency's own exports."""
