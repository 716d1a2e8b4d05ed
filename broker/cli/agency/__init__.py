"""Commands of an agency: make it, pass on its entry, see what is next."""
