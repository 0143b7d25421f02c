"""The cell with a bus for each leader; nodes of the twin with somebody who listens to them."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import rclpy
import yaml
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

import hw_config

WAIT_S = 120.0


class NodeRig:
    """Nodes under test and a node that listens to them, in one executor; waits for events.

    Attributes:
        node: the one that listens.
        heard: messages by topic, as `listen` has asked for them.
    """

    def __init__(self, *nodes: Node) -> None:
        self.node = rclpy.create_node("rig")
        self.nodes = (*nodes, self.node)
        self.executor = SingleThreadedExecutor()
        for node in self.nodes:
            self.executor.add_node(node)
        self.heard: dict[str, list[Any]] = {}

    def listen(self, kind: type, topic: str, profile: Any) -> list[Any]:
        """Collects the messages of a topic."""
        heard: list[Any] = []
        self.heard[topic] = heard
        self.node.create_subscription(kind, topic, heard.append, profile)
        return heard

    def until(self, condition: Callable[[], object]) -> None:
        """Spins until a condition holds."""
        end = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < end, {k: v[-1:] for k, v in self.heard.items()}
            self.executor.spin_once(timeout_sec=0.02)

    def call(self, kind: Any, name: str, /, **fields: object) -> Any:
        """The answer of a service."""
        client = self.node.create_client(kind, name)
        self.until(client.service_is_ready)
        future = client.call_async(kind.Request(**fields))
        self.until(future.done)
        return future.result()

    def close(self) -> None:
        """Ends the nodes."""
        self.executor.shutdown()
        for node in self.nodes:
            node.destroy_node()


@pytest.fixture(scope="module")
def bus_per_arm(tmp_path_factory) -> Iterator[hw_config.HardwareConfig]:
    """Makes it the cell that everybody loads, and returns it."""
    folder = tmp_path_factory.mktemp("bus_per_arm") / "cell"
    shutil.copytree(hw_config.config_dir(), folder)
    arms = yaml.safe_load((folder / "arms.yaml").read_text(encoding="utf-8"))
    arms["topology"] = "bus_per_arm"
    for name, arm in arms["arms"].items():
        # Others than those of the cell with shared buses: a test may have both.
        arm["can"], arm["leader_can"] = f"follow_{name}", f"lead_{name}"
    (folder / "arms.yaml").write_text(yaml.safe_dump(arms, sort_keys=False), encoding="utf-8")
    # A gate that waits for joint states as long as a busy computer may need.
    rates = (folder / "rates.yaml").read_text(encoding="utf-8")
    patient = re.sub(r"(max_(state|chunk)_age_s): \S+", r"\1: 10.0", rates)
    (folder / "rates.yaml").write_text(patient, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VEGA_HW_CONFIG", str(folder))
        yield hw_config.load()
