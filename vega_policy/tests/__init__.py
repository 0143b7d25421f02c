"""Tests of vega_policy."""
