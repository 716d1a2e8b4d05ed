"""The running broker of one agency: everything wired together and kept going."""
