"""Runs all tests several times in a row: on the machine left alone, and on a busy one.

python tests/stability.py
python tests/stability.py --runs 1 --loaded 1 --json stability.json

A run that was finished is not repeated when the same command is given again for the same sources.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "runs" / "stability"
BURNERS = 2
_BURN = "while True: pass"


@dataclass(frozen=True)
class Result:
    """One run of all tests.

    Attributes:
        kind: `alone`, or `loaded` with processes beside it that burn the processor.
        number: From 1, within its kind.
        sources: Fingerprint of what was tested.
        tests: How many ran, skipped ones not counted.
        failed: Names of those that failed, or were not finished in time.
        wall_s: From begin to end.
        cpu_s: Processor time of the tests and of all that they started and waited for.
        ended: Whether the run came to its end.
    """

    kind: str
    number: int
    sources: str
    tests: int
    failed: tuple[str, ...]
    wall_s: float
    cpu_s: float
    ended: bool

    @property
    def good(self) -> bool:
        """Whether every test passed."""
        return self.ended and self.tests > 0 and not self.failed


def fingerprint() -> str:
    """Of the commit and of what was changed since."""
    texts = [
        subprocess.run(["git", *command], cwd=ROOT, capture_output=True, check=True).stdout
        for command in (["rev-parse", "HEAD"], ["diff", "HEAD"], ["status", "--porcelain"])
    ]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


@contextlib.contextmanager
def burning(processes: int) -> Iterator[None]:
    """So many processes that want a core each."""
    started = [subprocess.Popen([sys.executable, "-c", _BURN]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def outcome(report: Path) -> tuple[int, tuple[str, ...]]:
    """Tests that ran and those that failed, from pytest's JUnit report; none without a report."""
    if not report.exists():
        return 0, ()
    ran, failed = 0, []
    for case in ElementTree.parse(report).iter("testcase"):
        verdicts = {child.tag for child in case}
        ran += "skipped" not in verdicts
        if verdicts & {"failure", "error"}:
            failed.append(f"{case.get('classname')}::{case.get('name')}")
    return ran, tuple(failed)


def run(kind: str, number: int, sources: str, command: list[str], limit_s: float) -> Result:
    """Runs all tests once; its output goes into a file beside the report."""
    name = FOLDER / f"{kind}-{number}"
    report = name.with_suffix(".xml")
    report.unlink(missing_ok=True)
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with name.with_suffix(".log").open("w") as log:
        process = subprocess.Popen(
            [*command, f"--junitxml={report}"],
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            # 1: some failed; anything higher: pytest itself was stopped or found nothing to run.
            ended = process.wait(limit_s) in (0, 1)
        except subprocess.TimeoutExpired:
            ended = False
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    tests, failed = outcome(report)
    wall_s = time.monotonic() - began_s
    return Result(kind, number, sources, tests, failed, round(wall_s, 1), round(cpu_s, 1), ended)


def kept(kind: str, number: int, sources: str) -> Result | None:
    """What an earlier command found for the same sources."""
    try:
        data = json.loads((FOLDER / f"{kind}-{number}.json").read_text())
        result = Result(**{**data, "failed": tuple(data["failed"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return result if result.sources == sources and result.ended else None


def line(result: Result) -> str:
    """A row of the table."""
    failed = str(len(result.failed)) if result.ended else "not ended"
    return (
        f"{result.kind:7} {result.number:3} {result.tests:7} {failed:>9} "
        f"{result.wall_s / 60:8.1f} {result.cpu_s / 60:8.1f}"
    )


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "stability", description="Runs all tests several times; exits with 1 unless all pass."
    )
    parser.add_argument("--runs", type=int, default=3, help="on the machine left alone")
    parser.add_argument("--loaded", type=int, default=2, help="beside two busy processes")
    parser.add_argument("--workers", type=int, default=4, help="of pytest-xdist")
    parser.add_argument("--limit-min", type=float, default=60.0, help="the longest a run may take")
    parser.add_argument("--afresh", action="store_true", help="repeats also what is finished")
    parser.add_argument("--json", type=Path, help="writes the results into this file")
    parser.add_argument("tests", nargs="*", help="folders, files or names; all where none is given")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Runs what is wanted and not finished yet, and tells the results as a table."""
    given = parsed(arguments)
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(given.workers)]
    command += ["-p", "no:cacheprovider", *given.tests]
    sources = f"{fingerprint()} {' '.join(given.tests)}".strip()
    wanted = [("alone", i + 1) for i in range(given.runs)]
    wanted += [("loaded", i + 1) for i in range(given.loaded)]
    results = []
    print(f"{'machine':7} {'run':>3} {'tests':>7} {'failed':>9} {'wall min':>8} {'cpu min':>8}")
    for kind, number in wanted:
        result = None if given.afresh else kept(kind, number, sources)
        if result is None:
            with burning(BURNERS if kind == "loaded" else 0):
                result = run(kind, number, sources, command, 60.0 * given.limit_min)
            (FOLDER / f"{kind}-{number}.json").write_text(json.dumps(asdict(result), indent=1))
        results.append(result)
        print("\n".join([line(result), *(f"        {name}" for name in result.failed)]), flush=True)
        if given.json:
            given.json.write_text(json.dumps([asdict(each) for each in results], indent=1) + "\n")
    return 0 if all(result.good for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
