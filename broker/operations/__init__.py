"""Use cases: one function for each request of a person or a program, with typed results."""
