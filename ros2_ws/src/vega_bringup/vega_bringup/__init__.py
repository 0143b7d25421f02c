"""Brings the stack up in order, and takes it down in reverse."""
