"""The commands of ``concordant quarantine``, and what is behind each of them."""
