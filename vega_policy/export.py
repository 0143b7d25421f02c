"""Makes the deployable form of a checkpoint.

    python -m vega_policy.export CHECKPOINT OUT

The alignment projector served training only and is left behind (paper, below eq. 9); everything
else is copied byte for byte.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from vega_policy import checkpoint
from vega_policy.errors import CheckpointError, PolicyError

TRAINING_ONLY = (checkpoint.ALIGN_FILE,)


def export(source: Path, out: Path) -> list[str]:
    """Copies what deployment needs of a checkpoint, once it has proven to load.

    Args:
        source: The checkpoint.
        out: New folder.

    Returns:
        Names of the files in the new folder.

    Raises:
        CheckpointError: The checkpoint does not load, or the folder exists or cannot be written.
    """
    checkpoint.load(source)
    if out.exists():
        raise CheckpointError(f"{out} exists already: choose another folder, or remove it first")
    try:
        ignored = shutil.ignore_patterns(*TRAINING_ONLY)
        shutil.copytree(source, out, ignore=ignored, copy_function=shutil.copyfile)
    except (OSError, shutil.Error) as error:
        raise CheckpointError(f"cannot write {out}: {error}") from None
    return sorted(path.name for path in out.iterdir())


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m vega_policy.export", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("checkpoint", type=Path, help="folder with a policy.yaml")
    parser.add_argument("out", type=Path, help="folder to make")
    arguments = parser.parse_args(argv)
    try:
        names = export(arguments.checkpoint, arguments.out)
    except PolicyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{arguments.out}: {', '.join(names)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
