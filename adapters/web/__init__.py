"""Web application of one agency, over the use cases that the commands call."""
