"""The commands of ``concordant log``, and what is behind each of them."""
