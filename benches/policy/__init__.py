"""Measures how long a recipe's network takes to make a chunk of actions.

python -m benches.policy --help
"""
