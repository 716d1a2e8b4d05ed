"""The demonstration: fictitious cases, and the story that the agencies play with them."""
