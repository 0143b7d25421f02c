"""Failing substitutions."""


class SubstitutionFailure(RuntimeError):
    """A substitution cannot be performed."""
