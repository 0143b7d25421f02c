"""Converts demonstrations of other projects into a LeRobot v3.0 dataset like our exports.

    python -m teleop.convert SRC OUT --from cobot_magic --task T --instruction "fold the towel"
    python -m teleop.convert SRC OUT --from robotwin --task click_bell --gripper-scale 0.07
    python -m teleop.convert SRC OUT --from lerobot --task T --fps 25
    python -m teleop.convert SRC OUT --from rosbag2 --task T --topics topics.yaml --fps 25

cobot_magic: SRC is a folder of HDF5 files; the action is the leader's position at the time of the
observation (the recorder stores it one row too early; that is undone). robotwin: as well HDF5; the
action is the next state; grippers are 0..1 there, and --gripper-scale says how far an open one
opens (m; 1 leaves 0..1). lerobot: a dataset of format v2.0, v2.1 or v3.0; --map says what is not
called as usual there, such as --map cam_high=observation.images.third state=observation.qpos; parts
of vectors are taken as KEY[0:14] and joined by +. rosbag2: a folder of ros2 bag record, or a folder
of these; --topics names a file (see teleop/convert/rosbag2.py).

--action follower takes the next step's state as the action everywhere. Joints are left six,
gripper, right six, gripper, in rad and m. Without --fps every step is kept; with it joints are
interpolated by time, and of images the nearest is taken.

Exit code 1: something is damaged or mixed, 2: wrong use, 130: interrupted.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from teleop.command_line import add_workers, log, run_export
from teleop.convert.formats import FORMATS, ImportFormat, ImportOptions
from teleop.convert.names import camera_keys
from teleop.convert.streams import SAMPLES, prepared
from teleop.export.demonstration import ExportError, Prepared
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
    for option in ("source_fps", "standard_jpeg", "map", "topics"):
        if getattr(arguments, option) and option not in source.options:
            parser.error(f"--{option.replace('_', '-')} means nothing for {name}: leave it out")
    if arguments.action == "leader" and "leader" not in source.actions:
        parser.error(f"{name} has no leader: leave --action out")
    return run_export(partial(_convert, arguments), arguments.out)


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser("teleop.convert", __doc__)
    add = parser.add_argument
    add("src", type=Path, metavar="SRC", help="folder to read")
    add("out", type=Path, metavar="OUT", help="folder to make")
    add("--from", dest="source", required=True, choices=FORMATS.names())
    add("--task", type=nonblank, required=True, help="name of the task")
    add("--instruction", help="what the operator was told (default: what the source says)")
    add("--fps", type=positive, help="steps a second of the output (default: every step is kept)")
    add("--source-fps", type=above_zero, help="steps a second of the source, if it does not say")
    add("--action", choices=("leader", "follower"), help="default: leader, where there is one")
    add(
        "--gripper-scale",
        type=above_zero,
        metavar="M",
        help="metres a unit of the source's grippers",
    )
    add(
        "--standard-jpeg",
        action="store_true",
        help="HDF5: compressed images have right colours in any viewer, marked or not",
    )
    add("--degrees", action="store_true", help="joints are degrees")
    add("--map", nargs="+", type=key_of, default=[], metavar="NAME=KEY", help="lerobot: see above")
    add("--topics", type=Path, metavar="FILE", help="rosbag2: which topics are what")
    add("--skip-damaged", action="store_true", help="leave damaged files out, and say which")
    add_workers(parser)
    return parser


def nonblank(text: str) -> str:
    """A text with something in it, for argparse."""
    if not text.strip():
        raise argparse.ArgumentTypeError("expected a name, got nothing")
    return text


def above_zero(text: str) -> float:
    """A finite number above 0, for argparse."""
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def key_of(text: str) -> tuple[str, str]:
    """NAME=KEY, for argparse: one of this robot's names, and the source's."""
    name, equals, key = text.partition("=")
    known = (*camera_keys(), "state", "action")
    if not equals or not key or name not in known:
        raise argparse.ArgumentTypeError(
            f"expected NAME=KEY with a NAME of {', '.join(known)}, got {text}"
        )
    return name, key


def _convert(arguments: argparse.Namespace) -> ExportSummary:
    source = FORMATS.get(arguments.source)
    scale = arguments.gripper_scale
    options = ImportOptions(
        task=arguments.task,
        instruction=arguments.instruction,
        rate=arguments.source_fps,
        action=arguments.action or source.actions[0],
        gripper_scale=(source.gripper_scale or 1.0) if scale is None else scale,
        degrees=arguments.degrees,
        standard_jpeg=arguments.standard_jpeg,
        keys=dict(arguments.map),
        topics=arguments.topics,
    )
    if not arguments.src.is_dir():
        raise ExportError(f"{arguments.src} is no folder: give the one with the demonstrations")
    missing = source.without_leader(arguments.src, options)
    if options.action == "leader" and arguments.action is None and missing:
        log(f"action: the follower's next position, because {missing}")
        options = replace(options, action="follower")
    jobs = [
        ExportJob(
            f"{path} {number}", partial(_prepare, source, number, path, options, arguments.fps)
        )
        for number, path in source.episodes(arguments.src, options)
    ]
    plan = ExportPlan(
        out=arguments.out,
        format="lerobot",
        action=options.action,
        ahead=1 if options.action == "follower" else 0,
        workers=arguments.workers,
        skip_damaged=arguments.skip_damaged,
        samples=SAMPLES,
        origin={"origin": arguments.source, "folder": str(arguments.src.absolute())},
    )
    return run(jobs, plan, log)


def _prepare(
    source: ImportFormat, number: int, path: Path, options: ImportOptions, fps: int | None
) -> Prepared:
    return prepared(source.read(number, path, options), options.action, fps)


if __name__ == "__main__":
    sys.exit(main())
