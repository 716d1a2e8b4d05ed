"""Source and sink `bus`: events as CloudEvents on the agency's own message bus, with FastStream."""
