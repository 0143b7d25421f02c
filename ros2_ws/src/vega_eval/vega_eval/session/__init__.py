"""Runs a session of trials on the launched system."""
