"""What agencies say to each other beside events, as bytes, and who signs it (docs/spec/keys.md)."""
