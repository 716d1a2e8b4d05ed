"""The commands of ``concordant status``, and what is behind each of them."""
