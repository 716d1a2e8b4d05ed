"""The commands of ``concordant keys``, and what is behind each of them."""
