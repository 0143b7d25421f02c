"""Every test run has a ROS domain of its own and stays on this machine."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tests"))

from domains import leased_domain  # noqa: E402

PROFILE = ROOT / "ros2_ws" / "src" / "vega_runtime" / "config" / "fastdds_loopback.xml"


@pytest.fixture(scope="session", autouse=True)
def own_ros_domain():
    """Sets what rclpy and child processes read; a launched system leases a further domain."""
    with leased_domain() as domain:
        os.environ["ROS_DOMAIN_ID"] = str(domain)
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
        os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"] = str(PROFILE)
        yield
