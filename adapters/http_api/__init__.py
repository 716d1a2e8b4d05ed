"""HTTP source and sink: the agency's own system publishes and reads events with a REST client."""
