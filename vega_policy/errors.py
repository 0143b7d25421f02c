"""Errors meant for people: each says what was expected, what came and what to do."""

from collections.abc import Iterable


class PolicyError(Exception):
    """Base class of everything this package refuses to do."""


class RecipeError(PolicyError):
    """A recipe or an override names something unknown or holds an impossible value."""


class DatasetError(PolicyError):
    """A dataset is missing, unreadable, or does not fit the recipe."""


class CheckpointError(PolicyError):
    """A checkpoint is incomplete, corrupt, or of another shape than its description."""


class ContractError(PolicyError):
    """A checkpoint's policy.yaml contradicts the hardware it shall run on."""


class ObservationError(PolicyError):
    """An observation does not have the form the policy was trained on."""


def listed(names: Iterable[object], most: int = 3) -> str:
    """The first names, and how many more there are."""
    texts = [str(name) for name in names]
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more} more" if more > 0 else "")
