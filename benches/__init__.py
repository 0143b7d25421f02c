"""Measures what this project promises; run from the checkout, installed on no robot.

Each is `python -m benches.NAME`; `--json FILE` writes its figures, `--check` fails where one is
missed.
"""
