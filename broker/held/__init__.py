"""What is held: everything that was accepted and did not reach where it belongs."""
