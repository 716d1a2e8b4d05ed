"""Exchange of events as JSON with the agency's own system, shared by every source and sink."""
