"""Use cases: one function for what a person or a program asks for, with typed results."""
