"""The commands of ``concordant doctor``, and what is behind each of them."""
