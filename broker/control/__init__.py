"""What agencies tell each other beside events: receipts, notices, heartbeats, announcements."""
