"""Notices to the agency's people by mail or webhook, without personal data."""
