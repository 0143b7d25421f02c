"""Plays one episode of the scripted operator and writes it as a video of all three cameras.

python -m vega_sim.play --task close_laptop --seed 3 --variant easy --out episode.mp4
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

import hw_config
from vega_core.caption import Caption
from vega_core.command_line import whole, writable
from vega_sim import command_line, operators
from vega_sim.render import side_by_side
from vega_sim.tasks import built_tasks
from vega_sim.twin import Twin
from vega_sim.video import VideoWriter

_TAIL_S = 1.5  # shown after success


def play(task: str, seed: int, variant: str, out: Path) -> bool:
    """Writes the episode of a seed to `out`, and returns whether it succeeded."""
    twin = Twin(task, variant)
    twin.reset(seed)
    operator = operators.make(task)
    operator.reset(twin)
    end = hw_config.load_task(task).time_limit_s
    success, phases = False, ""
    title = f"{task} ({variant}, seed {seed}): {hw_config.load_task(task).instruction}"
    caption: Caption | None = None
    with VideoWriter(out, twin.hw.rates.control_hz) as video:
        while twin.time_s < end:
            images = side_by_side([twin.render(camera) for camera in twin.hw.cameras])
            caption = caption or Caption(images.shape[1], title)
            strip = caption.strip(twin.time_s, "success" if success else "")
            video.add(np.concatenate([images, strip]))
            twin.advance(operator.act(twin))
            now = ", ".join(f"{side} {phase}" for side, phase in operator.phases.items())
            if now != phases:
                phases = now
                print(f"{twin.time_s:5.1f} s  {twin.progress()}  ({phases})", flush=True)
            if twin.success() and not success:
                success, end = True, twin.time_s + _TAIL_S
                print(f"{twin.time_s:5.1f} s  success", flush=True)
    twin.close()
    return success


def main(argv: list[str] | None = None) -> int:
    """Command line; returns 0 on success, 1 when the operator failed, 2 on an error."""
    parser = argparse.ArgumentParser(prog="python -m vega_sim.play", description=__doc__)
    parser.add_argument("--task", default="close_laptop", help=", ".join(built_tasks()))
    parser.add_argument("--seed", type=whole(0), default=0)
    parser.add_argument("--variant", default="easy", help="easy or hard")
    parser.add_argument("--out", type=writable(".mp4"), default="episode.mp4")
    args = parser.parse_args(argv)

    def command() -> int:
        success = play(args.task, args.seed, args.variant, args.out)
        print(f"{'success' if success else 'FAILED'}: {args.out}")
        return 0 if success else 1

    return command_line.run(command, f"{args.out} ends here")


if __name__ == "__main__":
    sys.exit(main())
