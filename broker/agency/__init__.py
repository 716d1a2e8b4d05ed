"""One agency's folder: its settings, keys and manifest, and how a partnership is founded."""
