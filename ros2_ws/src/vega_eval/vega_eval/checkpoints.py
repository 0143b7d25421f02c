"""The policies of a session, from their checkpoints' folders."""

from __future__ import annotations

import filecmp
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from hw_config import HardwareConfig, load_task
from vega_eval.errors import EvalError
from vega_eval.trials.blinding import PolicyIdentity, digest_of, names_of
from vega_policy import instructions
from vega_policy.contract import PolicyContract
from vega_policy.errors import ContractError, PolicyError, listed
from vega_policy.kinds import load_contract

GIVE_ONCE = "give each of them once, or aa:=true for an A/A session"


def policies_of(
    checkpoints: Sequence[Path],
    hw: HardwareConfig,
    progress: Callable[[Path, int, int], None] | None = None,
    aa: bool = False,
) -> tuple[PolicyIdentity, ...]:
    """Reads what the checkpoints say of themselves; their weights are digested, not loaded.

    Args:
        checkpoints: Folders with a policy.yaml.
        hw: The robot that they shall run on.
        progress: Gets a folder, bytes of it that were read, and bytes in all.
        aa: Whether the same policy may be given more than once, each time with a name of its own.

    Raises:
        PolicyError: One is no checkpoint or does not fit the robot.
        EvalError: Two of them are the same.
    """
    folders = [path.expanduser().resolve() for path in checkpoints]
    contracts = [_contract(folder, hw) for folder in folders]
    found: list[PolicyIdentity] = []
    for folder, name, contract in zip(folders, names_of(folders), contracts):
        on_bytes = None if progress is None else _of(folder, progress)
        policy = PolicyIdentity(
            name=name,
            checkpoint=str(folder),
            sha256=digest_of(folder, on_bytes),
            recipe=contract.recipe,
            commit=contract.git_commit,
        )
        twin = next((other for other in found if other.sha256 == policy.sha256), None)
        if twin is not None and not aa:
            raise EvalError(f"{twin.checkpoint} and {folder} are the same policy: {GIVE_ONCE}")
        found.append(policy)
    return tuple(found)


def same_policy(folders: Sequence[Path]) -> tuple[Path, Path] | None:
    """Two folders with the same policy, if there are any; different ones are told apart early."""
    return next((pair for pair in itertools.combinations(folders, 2) if _equal(*pair)), None)


def _equal(first: Path, second: Path) -> bool:
    if first.resolve() == second.resolve():
        return True
    sizes, others = _sizes(first), _sizes(second)
    return sizes == others and all(
        filecmp.cmp(first / name, second / name, shallow=False)
        for name in sorted(sizes, key=lambda name: sizes[name])
    )


def _sizes(folder: Path) -> dict[Path, int]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.stat().st_size for path in files}


def untrained_for(policies: Sequence[PolicyIdentity], task: str) -> list[str]:
    """What a person should know of the policies that have never seen a task, or what it is told.

    Raises:
        EvalError: No policy can be told this.
    """
    said, told = [], load_task(task).instruction
    wrong = instructions.fault(told)
    if wrong:
        raise EvalError(f"the instruction of task {task}: {wrong}")
    for policy in policies:
        contract = load_contract(Path(policy.checkpoint))
        if task not in contract.tasks:
            known = listed(contract.tasks) or "nothing"
            said.append(f"{policy.name} was not trained on {task}, only on {known}")
        new = instructions.untrained(told, contract.known_instructions, bool(contract.instructions))
        said += [f"{policy.name}: {new}"] if new else []
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
