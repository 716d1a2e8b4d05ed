"""The commands of ``concordant contract``, and what is behind each of them."""
