"""The commands of ``concordant event``, and what is behind each of them."""
