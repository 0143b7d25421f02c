"""Alignment of the policy's vision to a frozen spatial teacher, in training only."""
