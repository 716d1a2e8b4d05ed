"""The commands of ``concordant conformance``, and what is behind each of them."""
