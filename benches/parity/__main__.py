"""Compares this implementation with the public ones, on golden data of any size.

    python -m benches.parity --model DIR --images FILE --teachers DIR

Prints each output with its largest error. Exit code 0: all are within tolerance; 1: some are not,
or have a name that is not known; 2: golden data is missing or unreadable.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from benches.parity.comparison import Comparison, table
from benches.parity.golden import GoldenDataError
from benches.parity.image_parity import compare_images
from benches.parity.model_parity import compare_model
from benches.parity.teacher_parity import compare_teachers
from vega_policy.errors import PolicyError

_COMPARE = {"model": compare_model, "images": compare_images, "teachers": compare_teachers}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    paths: dict[str, Path] = {
        name: path for name in _COMPARE if (path := getattr(arguments, name)) is not None
    }
    if not paths:
        parser.error("nothing to compare: give --model, --images or --teachers")
    compared: dict[str, list[Comparison]] = {}
    try:
        for name, path in paths.items():
            compared[name] = _compare(name, path)
            print(f"{name}: {path}\n{table(compared[name])}\n", flush=True)
        return _conclude(compared, arguments.json)
    except PolicyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: cannot write the results: {error}", file=sys.stderr)
        return 2


def _compare(name: str, path: Path) -> list[Comparison]:
    try:
        return _COMPARE[name](path)
    except (IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        # Tensors of shapes that no code can guard against one by one.
        raise GoldenDataError(f"{path} is not of the form that is understood: {error}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benches.parity", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="reference checkpoint with inputs and outputs"
    )
    parser.add_argument(
        "--images", type=Path, metavar="FILE", help="images.npz of the preprocessing's stages"
    )
    parser.add_argument(
        "--teachers", type=Path, metavar="DIR", help="teachers with inputs and outputs"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the results")
    return parser


def _conclude(compared: dict[str, list[Comparison]], report: Path | None) -> int:
    lines = [line for group in compared.values() for line in group]
    missed = [line.name for line in lines if not line.ok]
    if report is not None:
        results = {name: [line.as_json() for line in group] for name, group in compared.items()}
        text = json.dumps({"ok": not missed, "torch": torch.__version__, **results}, indent=2)
        report.write_text(text + "\n", encoding="utf-8")
    if missed:
        print(f"{len(missed)} of {len(lines)} outputs missed: {', '.join(missed)}")
        return 1
    print(f"all {len(lines)} outputs are within tolerance")
    return 0


if __name__ == "__main__":
    sys.exit(main())
