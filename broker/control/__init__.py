"""Control topics: receipts, notices, heartbeats and announcements of agencies."""
