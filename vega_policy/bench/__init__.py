"""Measures how long a recipe's network takes to make a chunk of actions.

python -m vega_policy.bench --help
"""
