"""Converts demonstrations of other projects into a LeRobot v3.0 dataset like our exports.

    python -m teleop.convert SRC OUT --from cobot_magic --task T --instruction "fold the towel"
    python -m teleop.convert SRC OUT --from robotwin --task click_bell --gripper-scale 0.07

SRC is a folder of HDF5 files. cobot_magic: the action is the leader's position at the time of the
observation (the recorder stores it one row too early; that is undone), or with --action follower
the next observation's joints. robotwin: the action is the next state; grippers are 0..1 there, and
--gripper-scale says how far an open one opens (m; 1 leaves 0..1). Joints are left six, gripper,
right six, gripper in both. Without --fps every step is kept; with it, the nearest step is taken.

Exit code 1: something is damaged or mixed, 2: wrong use, 130: interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from teleop.command_line import add_workers, log, run_export
from teleop.convert.formats import FORMATS, ImportOptions
from teleop.export.formats import ExportPlan
from teleop.export.run import ExportJob, ExportSummary, run
from vega_core import command_line
from vega_core.command_line import positive


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    name, source = arguments.source, FORMATS.get(arguments.source)
    if arguments.gripper_scale is None and source.gripper_scale is None:
        parser.error(
            f"{name}'s grippers are 0..1: say with --gripper-scale how far an open one "
            "opens (0.07 m, 0.1 m; 1 leaves 0..1)"
        )
    if arguments.action == "leader" and "leader" not in source.actions:
        parser.error(f"{name} has no leader: leave --action out")
    return run_export(partial(_convert, arguments), arguments.out)


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser("teleop.convert", __doc__)
    add = parser.add_argument
    add("src", type=Path, metavar="SRC", help="folder of HDF5 files")
    add("out", type=Path, metavar="OUT", help="folder to make")
    add("--from", dest="source", required=True, choices=FORMATS.names())
    add("--task", required=True, help="name of the task")
    add("--instruction", help="what the operator was told (default: what the source says)")
    add(
        "--fps",
        type=positive,
        help="steps a second of the output (default: every step is kept)",
    )
    add("--source-fps", type=float, help="steps a second of the source, if it does not say")
    add("--action", choices=("leader", "follower"), help="cobot_magic (default leader)")
    add("--gripper-scale", type=float, metavar="M", help="metres a unit of the source's grippers")
    add(
        "--standard-jpeg",
        action="store_true",
        help="cobot_magic: compressed images have right colours in any viewer",
    )
    add("--skip-damaged", action="store_true", help="leave damaged files out, and say which")
    add_workers(parser)
    return parser


def _convert(arguments: argparse.Namespace) -> ExportSummary:
    source = FORMATS.get(arguments.source)
    scale = arguments.gripper_scale
    options = ImportOptions(
        task=arguments.task,
        instruction=arguments.instruction,
        rate=arguments.source_fps,
        fps=arguments.fps,
        action=arguments.action or source.actions[0],
        gripper_scale=(source.gripper_scale or 1.0) if scale is None else scale,
        standard_jpeg=arguments.standard_jpeg,
    )
    jobs = [
        ExportJob(str(path), partial(source.prepare, number, path, options))
        for number, path in source.files(arguments.src)
    ]
    plan = ExportPlan(
        out=arguments.out,
        format="lerobot",
        action=options.action,
        ahead=1 if options.action == "follower" else 0,
        workers=arguments.workers,
        skip_damaged=arguments.skip_damaged,
        origin={"origin": arguments.source, "folder": str(arguments.src.absolute())},
    )
    return run(jobs, plan, log)


if __name__ == "__main__":
    sys.exit(main())
