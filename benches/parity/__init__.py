"""Compares this implementation with the public ones, on golden data of any size.

python -m benches.parity --help
"""
