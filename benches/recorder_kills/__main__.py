"""Kills recording sessions at random moments, and looks whether the dataset holds what was said.

    python -m benches.recorder_kills --rounds 30 --seed 0 --json kills.json --check

Each round launches the same unattended session on the same dataset, which so recovers what the
last round left, and ends it in one of four ways: kill -9 of the recorder, of the launch, of
everything at once, or a full disk. Moments are random: in a take, while it is saved or discarded,
while the next scene is reset, now and then during the start. In some rounds a take is discarded
before. With --folder on a small file system of its own, that one is filled up; else no file of the
recorder may grow any more from that moment on. --check: exit code 1 unless every sealed episode is
valid and unchanged, every other take is recovered, put away or was discarded, and no export has a
discarded one.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import rclpy
from std_srvs.srv import Trigger

from benches import harness
from benches.launched import Launched
from benches.recorder_kills.ledger import Ledger
from teleop.errors import DatasetError, TeleopError
from teleop.repair.repair import repair
from vega_core.command_line import positive

_FAULTS = ("recorder", "launch", "everything", "disk")
_RECORDER = "recorder_node"
_LAUNCH = ("vega_bringup", "teleop.launch.py")
_TAKE_S = 180.0
_END_S = 60.0
# A take of the twin, its saving, and resetting the scene.
_CYCLE_S = 14.0
_START_S = (4.0, 12.0)
# How long a session is watched that cannot write any more, before it is interrupted.
_FULL_S = 6.0
_SMALL_BYTES = 16 << 30


class Round(NamedTuple):
    """What happens to one launch.

    Attributes:
        fault: Of `_FAULTS`.
        in_take: Whether times count from the beginning of its first take, or of the launch.
        after_s: When it happens.
        discard_s: When a take is discarded; None: none is.
    """

    fault: str
    in_take: bool
    after_s: float
    discard_s: float | None


def plan(rounds: int, seed: int) -> list[Round]:
    """Rounds with every fault equally often, at moments that the seed decides."""
    chance = random.Random(seed)
    faults = [_FAULTS[number % len(_FAULTS)] for number in range(rounds)]
    chance.shuffle(faults)
    return [_round(fault, chance) for fault in faults]


def _round(fault: str, chance: random.Random) -> Round:
    if chance.random() < 0.15:
        return Round(fault, False, chance.uniform(*_START_S), None)
    after_s = chance.uniform(0.0, _CYCLE_S)
    discards = chance.random()
    if discards < 0.25:  # the fault comes while it is discarded
        return Round(fault, True, after_s, max(0.0, after_s - chance.uniform(0.0, 0.05)))
    return Round(fault, True, after_s, chance.uniform(0.0, after_s) if discards < 0.6 else None)


class Operator:
    """Discards takes; use as a context manager."""

    def __enter__(self) -> Operator:
        rclpy.init(args=[])
        self._node = rclpy.create_node("bench_operator")
        self._client = self._node.create_client(Trigger, "teleop/discard")
        return self

    def __exit__(self, *_: object) -> None:
        self._node.destroy_node()
        rclpy.try_shutdown()

    def discard(self) -> None:
        """Asks for it, and does not wait: what becomes of it is said by the session."""
        if self._client.wait_for_service(2.0):
            self._client.call_async(Trigger.Request())


class Bench:
    """Rounds on one dataset.

    Args:
        folder: For the dataset, on the file system that may be filled.
        operator: Discards takes.
    """

    def __init__(self, folder: Path, operator: Operator) -> None:
        self.ledger = Ledger(folder / "dataset")
        if self.ledger.dataset.exists():
            raise DatasetError(f"{self.ledger.dataset} exists already: give an empty folder")
        self._folder, self._operator = folder, operator
        apart = folder.stat().st_dev != Path(tempfile.gettempdir()).stat().st_dev
        self._fills = apart and shutil.disk_usage(folder).total < _SMALL_BYTES

    @property
    def disk(self) -> str:
        """How the disk becomes full."""
        return "its file system is filled up" if self._fills else "RLIMIT_FSIZE of the recorder"

    def run(self, wanted: Round, logs: Path) -> None:
        """One launch, from its start to its end."""
        given = ["task:=close_laptop", "episodes:=10000", f"dataset:={self.ledger.dataset}"]
        with contextlib.ExitStack() as stack:
            session = stack.enter_context(Launched([*_LAUNCH, *given, f"output:={logs}"]))
            began = not wanted.in_take or session.says("is being recorded", _TAKE_S)
            if not began:
                self._fault(f"no take began within {_TAKE_S:g} s", session)
            else:
                self._wait(wanted, session, stack)
            if not session.has_ended(_END_S):
                self._fault(f"it had not ended {_END_S:g} s after ({wanted.fault})", session)
        self.ledger.hear(session.lines)
        if any("Traceback" in line for line in session.lines):
            self._fault("a traceback was shown", session)
        self.ledger.check_sealed()

    def _wait(self, wanted: Round, session: Launched, stack: contextlib.ExitStack) -> None:
        began_s = time.monotonic()
        if wanted.discard_s is not None:
            _sleep_until(began_s + wanted.discard_s)
            self._operator.discard()
        _sleep_until(began_s + wanted.after_s)
        if wanted.fault == "recorder":
            session.kill(_RECORDER)
        elif wanted.fault == "launch":
            session.send(signal.SIGKILL)
        elif wanted.fault == "everything":
            session.kill_all()
        else:
            if self._fills:
                stack.enter_context(_full(self._folder))
            else:
                session.forbid_to_write(_RECORDER)
            _sleep_until(time.monotonic() + _FULL_S)
            session.send(signal.SIGINT)

    def _fault(self, text: str, session: Launched) -> None:
        last = "\n    ".join(session.lines[-8:])
        self.ledger.faults.append(f"{text}; its last lines:\n    {last}")

    def finish(self) -> dict[str, Any]:
        """Repairs the dataset, exports it, and judges what is there."""
        report = repair(self.ledger.dataset)
        self.ledger.faults += report.failed
        self.ledger.read()
        self.ledger.check_sealed()
        self.ledger.check_repaired()
        with tempfile.TemporaryDirectory(prefix="vega_kills_bench_") as out:
            exported = self.ledger.check_exports(Path(out))
        faults = list(dict.fromkeys(self.ledger.faults))
        return {**self.ledger.figures(), "exported": exported, "faults": faults}


@contextlib.contextmanager
def _full(folder: Path) -> Iterator[None]:
    """Fills the file system of a folder to the last byte, for so long."""
    filler = folder / "filler"
    try:
        with filler.open("wb") as file:
            taken, size = 0, _SMALL_BYTES
            while size:
                try:
                    os.posix_fallocate(file.fileno(), taken, size)
                    taken += size
                except OSError:
                    size //= 2
        yield
    finally:
        filler.unlink(missing_ok=True)


def _sleep_until(at_s: float) -> None:
    time.sleep(max(0.0, at_s - time.monotonic()))


def measure(rounds: Sequence[Round], folder: Path) -> dict[str, Any]:
    """All rounds, and what they have left."""
    with Operator() as operator, tempfile.TemporaryDirectory(prefix="vega_kills_logs_") as logs:
        bench = Bench(folder, operator)
        for number, wanted in enumerate(rounds, start=1):
            bench.run(wanted, Path(logs, str(number)))
            moment = "into its first take" if wanted.in_take else "after its start"
            faults = len(bench.ledger.faults)
            print(
                f"{number}/{len(rounds)}: {wanted.fault} {wanted.after_s:.1f} s {moment}; "
                f"{len(bench.ledger.seals)} sealed, {faults} faults",
                file=sys.stderr,
            )
        kinds = Counter(wanted.fault for wanted in rounds)
        return {"rounds": len(rounds), "kinds": kinds, "full_disk": bench.disk, **bench.finish()}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code of `harness.run`."""
    parser = harness.parser("recorder_kills", __doc__, "fail when something was lost or came back")
    add = parser.add_argument
    add("--rounds", type=positive, default=30, help="launches that are killed (default 30)")
    add("--seed", type=int, default=0, help="of the moments (default %(default)s)")
    add("--folder", type=Path, help="empty folder for the dataset (default: a temporary one)")
    arguments = parser.parse_args(argv)
    if arguments.folder and not arguments.folder.is_dir():
        parser.error(f"--folder {arguments.folder}: there is no such folder")
    rounds = plan(arguments.rounds, arguments.seed)
    with tempfile.TemporaryDirectory(prefix="vega_kills_bench_") as temporary:
        folder = arguments.folder or Path(temporary)
        return harness.run(arguments, lambda: measure(rounds, folder), _show, TeleopError)


def _show(figures: dict[str, Any]) -> list[str]:
    for name, value in figures.items():
        if name != "faults":
            print(f"{name:12} {value}")
    faults: list[str] = figures["faults"]
    print(f"{'MISSED' if faults else 'ok'}: {len(faults)} faults")
    return faults


if __name__ == "__main__":
    sys.exit(main())
