"""Demonstration episodes as training data."""
