"""The tier of each test, and how the workers of pytest-xdist share the tests out."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest

UNIT, LAUNCHED, SLOW = "unit", "launched", "slow"
_ROOT = Path(__file__).resolve().parents[1]
_SYSTEMS = _ROOT / "tests"
# Of these, the ones that start nothing.
_READERS = frozenset(
    {
        "test_documents",
        "test_field",
        "test_imports",
        "test_open_sets",
        "test_packages",
        "test_remedies",
        "test_words",
    }
)
# What a module imports tells whether it starts nodes or whole systems.
_STARTS = re.compile(r"^(?:import|from) (?:rclpy|system|domains)\b", re.M)
_NAMES = ("_node", "_processes", "test_start", "test_shutdown")
# The fixture by which tests of the front end start `ros2 launch`.
_FIXTURES = frozenset({"launch"})
# At most so many launched systems run at once, whatever the number of workers: each keeps a core
# busy. Files of a lane run one after another, the longest first.
_LANES = (("test_eval_launch", "test_episode", "test_emulated"), ("test_teleop_launch", ""))


def _is_system(file: Path) -> bool:
    return _SYSTEMS in file.parents and file.stem not in _READERS


def _is_slow(path: Path) -> bool:
    return path.relative_to(_ROOT).as_posix() in _SLOW


@functools.cache
def _starts_something(path: Path) -> bool:
    if _is_system(path) or path.stem.endswith(_NAMES):
        return True
    return bool(_STARTS.search(path.read_text(encoding="utf-8")))


def tier(item: pytest.Item) -> str:
    """`launched` by location, name and what is imported or asked for; else slow or unit."""
    if _starts_something(item.path) or _FIXTURES & set(getattr(item, "fixturenames", ())):
        return LAUNCHED
    return SLOW if item.get_closest_marker(SLOW) or _is_slow(item.path) else UNIT


def holds_no_unit_test(path: Path) -> bool:
    """Whether that is certain before the file is imported."""
    return _starts_something(path) or _is_slow(path)


def group(nodeid: str) -> str:
    """The tests that one worker runs one after another, module fixtures set up once."""
    file = nodeid.partition("::")[0]
    lane = _lane(_ROOT / file)
    return file if lane is None else f"launched systems {lane}"


def order(item: pytest.Item) -> tuple[int, int]:
    """Sorts what takes longest to the front, so that the workers end at the same time."""
    lane = _lane(item.path)
    if lane is not None:
        names = _LANES[lane]
        place = names.index(item.path.stem) if item.path.stem in names else len(names)
        return lane, place
    return {LAUNCHED: 2, SLOW: 3, UNIT: 4}[tier(item)], 0


def _lane(file: Path) -> int | None:
    if not _is_system(file):
        return None
    return next(i for i, names in enumerate(_LANES) if file.stem in names or "" in names)


# Files that start nothing and have tests that take longer than a few seconds; keep it in step
# with `make test ARGS=--durations=50`.
_SLOW = frozenset(
    {
        "benches/tests/test_cameras.py",
        "benches/tests/test_compare_ranks.py",
        "ros2_ws/src/vega_arms/test/test_arm_faults.py",
        "ros2_ws/src/vega_control/test/test_gate_properties.py",
        "ros2_ws/src/vega_control/test/test_torture.py",
        "ros2_ws/src/vega_eval/test/test_failure_types.py",
        "ros2_ws/src/vega_eval/test/test_twin_command.py",
        "ros2_ws/src/vega_sim/test/test_carrots_to_bowls.py",
        "ros2_ws/src/vega_sim/test/test_emulated_leaders.py",
        "ros2_ws/src/vega_sim/test/test_failure_signals.py",
        "ros2_ws/src/vega_sim/test/test_flowers_to_vase.py",
        "ros2_ws/src/vega_sim/test/test_handover_cucumber.py",
        "ros2_ws/src/vega_sim/test/test_placements.py",
        "teleop/tests/test_repair.py",
        "teleop/tests/test_salvage.py",
        "vega_policy/tests/test_alignment.py",
        "vega_policy/tests/test_export.py",
        "vega_policy/tests/test_lerobot.py",
        "vega_policy/tests/test_run_ends.py",
        "vega_policy/tests/test_run_folder.py",
        "vega_policy/tests/test_streaming.py",
        "vega_policy/tests/test_train_command.py",
        "vega_policy/tests/test_training.py",
        "vega_policy/tests/test_training_recipes.py",
    }
)
