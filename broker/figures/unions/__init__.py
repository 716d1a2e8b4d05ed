"""Unions: the share of cases that several kinds of agency have seen, by tokens of one period."""
