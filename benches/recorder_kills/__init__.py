"""Recording sessions that are killed at random moments."""
