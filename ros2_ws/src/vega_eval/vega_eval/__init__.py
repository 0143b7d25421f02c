"""Evaluation: runs episodes of a policy and says how they went."""
