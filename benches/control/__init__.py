"""The command gate."""
