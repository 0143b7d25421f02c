"""Cells, twins and nodes of tests, with somebody who listens to them."""

from __future__ import annotations

import contextlib
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from vega_arms import buses
from vega_runtime import qos
from vega_sim import operators
from vega_sim.cosimulation import EpisodeState
from vega_sim.emulation_node import EmulationNode
from vega_sim.realtime_twin import RealtimeTwin
from vega_sim.twin import Twin

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


class EmulationRig(NodeRig):
    """The emulation node, somebody who listens to it, and the end of the right bus."""

    def __init__(self) -> None:
        self.emulation = EmulationNode()
        super().__init__(self.emulation)
        self.reports = self.listen(DiagnosticArray, "/diagnostics", qos.REPORT)
        self.bus = buses.open_bus("udp_multicast", hw_config.load().arms["right"].can)

    def activate(self) -> None:
        """Configures and activates the node."""
        assert self.emulation.trigger_configure() == TransitionCallbackReturn.SUCCESS
        assert self.emulation.trigger_activate() == TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """Ends node and bus."""
        self.emulation.close()
        super().close()
        self.bus.shutdown()


class RealtimeListener:
    """Does nothing about what a real-time twin tells."""

    def episode_state(self, state: EpisodeState) -> None:
        """The episode's state."""

    def too_slow(self, text: str) -> None:
        """The computer cannot keep up."""


@contextlib.contextmanager
def moving(realtime: RealtimeTwin) -> Iterator[None]:
    """The world moves on in a thread, the only one that may touch the twin then."""
    ended = threading.Event()

    def run() -> None:
        while not ended.is_set():
            realtime.tick()

    thread = threading.Thread(target=run)
    realtime.resume()
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def until(condition: Callable[[], object], meanwhile: Callable[[], object] = lambda: None) -> None:
    """Waits until a condition holds."""
    end_s = time.monotonic() + WAIT_S
    while not condition():
        meanwhile()
        assert time.monotonic() < end_s
        time.sleep(0.005)


@pytest.fixture(scope="module")
def twin(request: pytest.FixtureRequest) -> Iterator[Twin]:
    """The easy twin of the module's TASK."""
    made = Twin(request.module.TASK)
    yield made
    made.close()


@pytest.fixture(scope="module")
def hard_twin(request: pytest.FixtureRequest) -> Iterator[Twin]:
    """The hard twin of the module's TASK."""
    made = Twin(request.module.TASK, "hard")
    yield made
    made.close()


def assert_operator_is_smooth(twin: Twin, steps: int) -> None:
    """The scripted operator's first actions keep to its speeds."""
    twin.reset(0)
    operator = operators.make(twin.task.config.name)
    operator.reset(twin)
    actions = []
    for _ in range(steps):
        actions.append(operator.act(twin))
        twin.advance(actions[-1])
    speed = np.abs(np.diff(actions, axis=0)) * twin.hw.rates.control_hz
    assert np.delete(speed, [6, 13], axis=1).max() <= 1.5
    assert speed[:, [6, 13]].max() <= twin.hw.limits.velocity[6]


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
