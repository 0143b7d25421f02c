"""Every test run has a ROS domain of its own and stays on this machine; tests have tiers."""

import functools
import os
import signal
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tests"))

# Before torch or NumPy are imported. Threads that spin while they wait for one another cost a
# factor of 20 to 100 on a busy machine; processes that tests start inherit it.
for library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

# What a shell starts in the background ignores Ctrl-C, and would pass that on to what tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import tiers  # noqa: E402
from domains import leased_domain  # noqa: E402

PROFILE = ROOT / "ros2_ws" / "src" / "vega_runtime" / "config" / "fastdds_loopback.xml"
# A launched system that a busy machine slows down; the tests themselves wait for less.
LAUNCHED_TIMEOUT_S = 900


@pytest.fixture(scope="session", autouse=True)
def own_ros_domain():
    """Sets what rclpy and child processes read; a launched system leases a further domain.

    Each worker of pytest-xdist is a session, and so has a domain of its own.
    """
    with leased_domain() as domain:
        os.environ["ROS_DOMAIN_ID"] = str(domain)
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
        os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"] = str(PROFILE)
        yield


def pytest_ignore_collect(collection_path, config):
    """Unit tests alone: files of the other tiers are not even imported, which takes seconds."""
    if config.option.markexpr == tiers.UNIT and fnmatch(collection_path.name, "test_*.py"):
        return tiers.holds_no_unit_test(collection_path) or None
    return None


def pytest_collection_modifyitems(config, items):
    """Marks each test with its tier; workers begin with what takes longest."""
    for item in items:
        tier = tiers.tier(item)
        item.add_marker(tier)
        if tier == tiers.LAUNCHED and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LAUNCHED_TIMEOUT_S))
    if hasattr(config, "workerinput"):  # a worker of pytest-xdist
        items.sort(key=tiers.order)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Workers share whole files out, and run few launched systems at once."""
    if config.getoption("dist") != "load":
        return None
    from sharing import SharingByGroup

    return SharingByGroup(config, log)


def pytest_runtest_setup(item):
    """Workers that are done with nodes and systems stand back for those of other workers."""
    if hasattr(item.config, "workerinput") and tiers.tier(item) != tiers.LAUNCHED:
        _stand_back()


@functools.cache
def _stand_back():
    os.nice(5)
