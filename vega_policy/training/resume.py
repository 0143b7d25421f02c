"""Whether a run that goes on is still the run it was: the same recipe on the same data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from vega_policy.errors import CheckpointError
from vega_policy.recipe import Recipe

RECIPE_FILE = "recipe.yaml"
FREE_FIELDS = (
    *("description", "training.steps", "training.log_every", "training.save_every"),
    "training.keep",
)
"""Fields of a recipe that may differ when a run goes on."""
_NAMED_AT_ONCE = 3


class RunRecord(NamedTuple):
    """What decides a run.

    Attributes:
        recipe: All fields of the recipe, as JSON values.
        episodes: Digest of each episode by file name; None if it was not recorded.
    """

    recipe: dict[str, Any]
    episodes: dict[str, str] | None

    def check_same(self, before: "RunRecord") -> None:
        """Compares with the run as it was saved.

        Raises:
            CheckpointError: They differ; every difference is named.
        """
        found = _recipe_differences(before.recipe, self.recipe)
        if before.episodes is not None and self.episodes is not None:
            found += _episode_differences(before.episodes, self.episodes)
        if found:
            raise CheckpointError(
                "this is not the run that was saved:\n"
                + "\n".join(f"  - {line}" for line in found)
                + "\nresume with the recipe and dataset it had, or start another --out"
            )


def saved_record(state: Mapping[str, Any], folder: Path) -> RunRecord:
    """The record inside a saved state; without one, the recipe beside it.

    Args:
        state: Of ``training_state.pt``.
        folder: The run's.

    Raises:
        CheckpointError: Neither says what the recipe was, or this code does not know its fields.
    """
    run = state.get("run")
    if run is None:
        run = {"recipe": _recipe_beside(folder), "episodes": None}
    try:
        recipe = Recipe.model_validate(run["recipe"])
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, e["loc"])) for e in error.errors())
        raise CheckpointError(
            f"the run in {folder} was made by another version of this code; its recipe does not "
            f"fit at: {fields}"
        ) from None
    return RunRecord(recipe.model_dump(mode="json"), run["episodes"])


def _recipe_beside(folder: Path) -> Any:
    path = folder / RECIPE_FILE
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise CheckpointError(f"{path}: cannot tell the run's recipe ({error})") from None


def _flat(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in fields.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _recipe_differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    old, new = _flat(before), _flat(now)
    return [
        f"{name}: the run has {old.get(name)}, the recipe {new.get(name)}"
        for name in dict.fromkeys((*old, *new))
        if name not in FREE_FIELDS and old.get(name) != new.get(name)
    ]


def _episode_differences(before: dict[str, str], now: dict[str, str]) -> list[str]:
    kinds = {
        "missing from the dataset": [name for name in before if name not in now],
        "new in the dataset": [name for name in now if name not in before],
        "changed in the dataset": [n for n in before if n in now and before[n] != now[n]],
    }
    return [f"episodes {kind}: {_listed(names)}" for kind, names in kinds.items() if names]


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED_AT_ONCE
    return ", ".join(names[:_NAMED_AT_ONCE]) + (f" and {more} more" if more > 0 else "")
