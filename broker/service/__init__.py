"""Running broker of one agency: all loops, connected."""
