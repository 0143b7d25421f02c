"""Compares this implementation with the public ones, on golden data of any size.

python -m vega_policy.parity --help
"""
