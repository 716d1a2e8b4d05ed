"""The commands of ``concordant kafka``, and what is behind each of them."""
