"""Whether a run that goes on is still the run it was: the same recipe on the same data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml
from pydantic import ValidationError

from vega_policy.checkpoint import base_folder
from vega_policy.errors import CheckpointError, listed
from vega_policy.recipe import Recipe
from vega_policy.training.run_folder import STATE

RECIPE_FILE = "recipe.yaml"
FREE_FIELDS = (
    *("description", "training.steps", "training.log_every", "training.save_every"),
    "training.keep",
)
"""Fields of a recipe that may differ when a run goes on."""
_BASE = "base_checkpoint"


class RunRecord(NamedTuple):
    """What decides a run.

    Attributes:
        recipe: All fields of the recipe, as JSON values.
        episodes: Digest of each episode by file name; None if it was not recorded.
        base: Digest of the base's weights; None if it was not recorded, or there is none.
    """

    recipe: dict[str, Any]
    episodes: dict[str, str] | None
    base: str | None = None

    def check_same(self, before: "RunRecord") -> None:
        """Compares with the run as it was saved.

        Raises:
            CheckpointError: They differ; every difference is named.
        """
        found = _recipe_differences(before.recipe, self.recipe)
        if before.base is not None and self.base is not None:
            found = _base_differences(before, self) + [
                # The same weights may lie elsewhere now.
                line
                for line in found
                if not line.startswith(f"{_BASE}:")
            ]
        if before.episodes is not None and self.episodes is not None:
            found += _episode_differences(before.episodes, self.episodes)
        if found:
            raise CheckpointError(
                "this is not the run that was saved:\n"
                + "\n".join(f"  - {line}" for line in found)
                + "\nresume with the recipe and dataset it had, or start another --out"
            )


def saved_state(folder: Path, mapped: bool = False) -> dict[str, Any]:
    """What a run was saved with.

    Args:
        folder: The run's.
        mapped: Tensors stay in the file, for a look at the rest.

    Raises:
        CheckpointError: There is no run, or its state is damaged.
    """
    path = folder / STATE
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
        return {**state, "step": int(state["step"]), "optimizer": state["optimizer"]}
    except FileNotFoundError:
        raise CheckpointError(f"{folder} holds no run to resume: no {STATE}") from None
    except Exception as error:  # torch.load raises whatever the damage leads to
        raise CheckpointError(f"{path} is damaged ({error})") from None


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
    return RunRecord(recipe.model_dump(mode="json"), run["episodes"], run.get("base"))


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


def _base_differences(before: RunRecord, now: RunRecord) -> list[str]:
    if before.base == now.base:
        return []
    old, new = (base_folder(record.recipe[_BASE]) for record in (before, now))
    return [
        f"base: the run began from {old}, whose digest was {before.base}; {new} has {now.base}. "
        f"Put the base back that it began from, or name the folder that has it ({_BASE}=DIR)"
    ]


def _episode_differences(before: dict[str, str], now: dict[str, str]) -> list[str]:
    kinds = {
        "missing from the dataset": [name for name in before if name not in now],
        "new in the dataset": [name for name in now if name not in before],
        "changed in the dataset": [n for n in before if n in now and before[n] != now[n]],
    }
    return [f"episodes {kind}: {listed(names)}" for kind, names in kinds.items() if names]
