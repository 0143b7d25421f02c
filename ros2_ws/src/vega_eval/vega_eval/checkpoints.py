"""The policies of a session, from their checkpoints' folders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hw_config import HardwareConfig
from vega_eval.errors import EvalError
from vega_eval.trials.blinding import PolicyIdentity, digest_of, names_of
from vega_policy.contract import PolicyContract
from vega_policy.errors import ContractError, PolicyError
from vega_policy.kinds import load_contract


def policies_of(
    checkpoints: Sequence[Path],
    hw: HardwareConfig,
    progress: Callable[[Path, int, int], None] | None = None,
) -> tuple[PolicyIdentity, ...]:
    """Reads what the checkpoints say of themselves; their weights are digested, not loaded.

    Args:
        checkpoints: Folders with a policy.yaml.
        hw: The robot that they shall run on.
        progress: Gets a folder, bytes of it that were read, and bytes in all.

    Raises:
        PolicyError: One is no checkpoint or does not fit the robot.
        EvalError: Two of them are the same.
    """
    folders = [path.expanduser().resolve() for path in checkpoints]
    contracts = [_contract(folder, hw) for folder in folders]
    found: dict[str, PolicyIdentity] = {}
    for folder, name, contract in zip(folders, names_of(folders), contracts):
        on_bytes = None if progress is None else _of(folder, progress)
        policy = PolicyIdentity(
            name=name,
            checkpoint=str(folder),
            sha256=digest_of(folder, on_bytes),
            recipe=contract.recipe,
            commit=contract.git_commit,
        )
        other = found.setdefault(policy.sha256, policy)
        if other is not policy:
            raise EvalError(
                f"{other.checkpoint} and {folder} are the same policy: give each of them once"
            )
    return tuple(found.values())


def untrained_for(policies: Sequence[PolicyIdentity], task: str) -> list[str]:
    """What a person should know of the policies that have never seen a task."""
    said = []
    for policy in policies:
        tasks = load_contract(Path(policy.checkpoint)).tasks
        if task not in tasks:
            known = ", ".join(tasks) or "nothing"
            said.append(f"{policy.name} was not trained on {task}, only on {known}")
    return said


def _contract(folder: Path, hw: HardwareConfig) -> PolicyContract:
    contract = load_contract(folder)
    try:
        contract.check_against(hw)
    except ContractError as error:
        raise PolicyError(f"{folder}: {error}") from None
    return contract


def _of(folder: Path, progress: Callable[[Path, int, int], None]) -> Callable[[int, int], None]:
    return lambda done, total: progress(folder, done, total)
