"""Intervals and tests, by simulation and enumeration."""
