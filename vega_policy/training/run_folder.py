"""What a run leaves on the disk: checkpoints, the state to go on from, the log.

    checkpoint/             the newest, deployable
    checkpoint-STEP/        earlier ones, as many as `training.keep` says
    best/                   the one with the least held-out action loss
    training_state.pt       to go on from
    log.jsonl

Files of a checkpoint are never written again, so earlier ones and the best are links to them.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
from pathlib import Path
from typing import Any

import torch

from vega_core.files import write_atomically
from vega_policy import contract as contracts
from vega_policy.checkpoint.writing import restore_interrupted
from vega_policy.errors import CheckpointError

CHECKPOINT, BEST = "checkpoint", "best"
STATE = "training_state.pt"
LOG = "log.jsonl"
_EARLIER = re.compile(rf"{CHECKPOINT}-(\d+)")


class RunFolder:
    """The folder of a run.

    Args:
        path: The folder.
        keep: How many checkpoints stay, the newest among them.
    """

    def __init__(self, path: Path, keep: int) -> None:
        self.path = path
        self._keep = keep

    def make_whole(self) -> None:
        """Mends what a kill in the middle of a save left; one process of a run does it."""
        restore_interrupted(self.checkpoint)
        (self.path / f"{STATE}.partial").unlink(missing_ok=True)

    @property
    def checkpoint(self) -> Path:
        """The newest checkpoint."""
        return self.path / CHECKPOINT

    def write_state(self, state: dict[str, Any]) -> None:
        """Replaces the state to go on from.

        Raises:
            CheckpointError: It cannot be written; the one before is kept.
        """
        partial = self.path / f"{STATE}.partial"
        try:
            torch.save(state, partial)
            partial.replace(self.path / STATE)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
            partial.unlink(missing_ok=True)
            raise CheckpointError(
                f"cannot write {self.path / STATE} ({_first_line(error)}); the state before it is "
                "kept: free some space and go on with --resume"
            ) from None

    def set_aside(self, step: int | None) -> None:
        """Keeps the newest checkpoint as that of its step, and only as many as are wanted."""
        if step is not None and self._keep > 1 and self.checkpoint.is_dir():
            _link(self.checkpoint, self.path / f"{CHECKPOINT}-{step}")
        found = [(int(m[1]), p) for p in self.path.iterdir() if (m := _EARLIER.fullmatch(p.name))]
        for _, folder in sorted(found)[: max(len(found) - self._keep + 1, 0)]:
            shutil.rmtree(folder, ignore_errors=True)

    def set_best(self) -> None:
        """The newest checkpoint is the best one."""
        _link(self.checkpoint, self.path / BEST)

    def has_checkpoint_of_state(self) -> bool:
        """Whether the last save came to its end: the checkpoint is written after the state."""
        written = self.checkpoint / contracts.FILE_NAME
        state = self.path / STATE
        return written.exists() and written.stat().st_mtime_ns >= state.stat().st_mtime_ns

    def least_held_out(self) -> float:
        """The least held-out action loss in the log; infinite if there is none."""
        path = self.path / LOG
        lines = path.read_text().splitlines() if path.exists() else []
        return min(
            (json.loads(each).get("val_action", math.inf) for each in lines), default=math.inf
        )

    def add_to_log(self, entry: dict[str, float]) -> None:
        """Adds a line to the log."""
        with (self.path / LOG).open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def forget_after(self, step: int) -> None:
        """Takes lines of later steps, which will be written again, out of the log."""
        path = self.path / LOG
        if not path.exists():
            return
        kept = [line for line in path.read_text().splitlines() if _step_of(line) <= step]
        write_atomically(path, "".join(f"{line}\n" for line in kept))

    def check_space(self, state_bytes: int, checkpoint_bytes: int, with_best: bool) -> None:
        """Refuses a run whose saves would not fit.

        A new state and checkpoint are written beside those that stay.

        Args:
            state_bytes: Size of the state.
            checkpoint_bytes: Size of a checkpoint.
            with_best: Whether the best one stays besides.

        Raises:
            CheckpointError: There is less room; the text says how much is needed.
        """
        files = [path.stat() for path in self.path.rglob("*") if path.is_file()]
        there = sum({stat.st_ino: stat.st_size for stat in files}.values())
        checkpoints = self._keep + 1 + with_best
        needed = 2 * state_bytes + checkpoints * checkpoint_bytes - there
        free = shutil.disk_usage(self.path).free
        if needed > free:
            raise CheckpointError(
                f"saving needs {needed / 1e9:.1f} GB below {self.path}, {free / 1e9:.1f} GB are "
                f"free: free some space, choose another --out, or keep fewer checkpoints "
                f"(training.keep, now {self._keep})"
            )


def _link(source: Path, target: Path) -> None:
    """A second name for all files of a folder, in place of what had that name."""
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        shutil.copytree(source, partial, copy_function=_link_or_copy)
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    except OSError as error:
        raise CheckpointError(f"cannot write {target}: {error.strerror or error}") from None


def _link_or_copy(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copy2(source, target)
    return target


def _step_of(line: str) -> float:
    """The step of a line of the log; a torn line is later than all others."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")


def _first_line(error: Exception) -> str:
    text = str(error).partition("\n")[0]
    return getattr(error, "strerror", None) or text or type(error).__name__
