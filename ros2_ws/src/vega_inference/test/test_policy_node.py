"""The node over the observation and the loop, with real topics in one process."""

from __future__ import annotations

import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from sensor_msgs.msg import Image, JointState
from vega_inference import policy_node
from vega_msgs.msg import ActionChunk, InferenceReport
from vega_msgs.srv import SelectPolicy
from vega_runtime import images, qos
from vega_runtime.lifecycle import TransitionError

import hw_config
from vega_policy.errors import ContractError
from vega_policy.policy import ActionChunk as PolicyChunk

WAIT_S = 30.0
HARDWARE = hw_config.load()


class FakeRunner:
    """Keeps the arms where they are; notes what it is shown."""

    contradiction = ""
    actions: np.ndarray | None = None
    latency_s = 0.0

    def __init__(self):
        self.contract = SimpleNamespace(
            recipe="fake",
            chunk=25,
            tasks={"close_laptop": "close the laptop"},
            known_instructions=("close the laptop",),
            instructions={"close_laptop": ("close the laptop",)},
            check_against=self._check,
            takes_device=True,
        )
        self.seen = []
        self.resets = self.closed = 0

    def _check(self, hardware):
        if self.contradiction:
            raise ContractError(self.contradiction)

    def infer(self, observation):
        self.seen.append(observation)
        time.sleep(self.latency_s)
        values = np.tile(observation.state, (25, 1)) if self.actions is None else self.actions
        return PolicyChunk(values, {})

    def reset(self):
        self.resets += 1

    def close(self):
        self.closed += 1


class PolicyCell:
    """The policy node, and cameras and arms to feed it."""

    def __init__(self, node):
        self.policy = node
        self.node = rclpy.create_node("cell")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.policy)
        self.executor.add_node(self.node)
        self.chunks, self.reports = [], []
        self.node.create_subscription(ActionChunk, "action_chunk", self.chunks.append, qos.COMMAND)
        self.node.create_subscription(
            InferenceReport, "policy/inference", self.reports.append, qos.REPORT
        )
        self._joint_states = {
            arm: self.node.create_publisher(JointState, f"{arm}/follower/joint_states", qos.SENSOR)
            for arm in HARDWARE.arms
        }
        self._cameras = {
            name: self.node.create_publisher(Image, f"{camera.namespace}/image_raw", qos.SENSOR)
            for name, camera in HARDWARE.cameras.items()
        }
        self.node.create_timer(1 / 30, self._publish)

    def _publish(self):
        now = self.node.get_clock().now().to_msg()
        for arm, publisher in self._joint_states.items():
            names = list(HARDWARE.arms[arm].joint_names)
            message = JointState(name=names, position=list(HARDWARE.arms[arm].home))
            message.header.stamp = now
            publisher.publish(message)
        for shade, (name, publisher) in enumerate(self._cameras.items()):
            image = np.full((480, 640, 3), 10 * shade, np.uint8)
            publisher.publish(images.to_message(image, now, HARDWARE.cameras[name].frame_id))

    def until(self, condition):
        end_s = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < end_s, "it did not happen"
            self.executor.spin_once(timeout_sec=0.05)

    def close(self):
        self.policy.close()
        self.executor.shutdown()
        self.policy.destroy_node()
        self.node.destroy_node()


@pytest.fixture
def runner(monkeypatch):
    runner = FakeRunner()
    monkeypatch.setattr(policy_node, "open_policy", lambda directory, device, threads: runner)
    return runner


@pytest.fixture
def cell(runner):
    rclpy.init(args=["--ros-args", "-p", "checkpoint:=somewhere"])
    cell = PolicyCell(policy_node.PolicyNode())
    yield cell
    cell.close()
    rclpy.shutdown()


def test_what_the_cameras_show_becomes_chunks(cell, runner):
    assert cell.policy.trigger_configure() == TransitionCallbackReturn.SUCCESS
    runner.seen.clear()
    assert cell.policy.trigger_activate() == TransitionCallbackReturn.SUCCESS
    cell.until(lambda: cell.chunks and cell.reports)
    chunk, report, seen = cell.chunks[0], cell.reports[0], runner.seen[0]
    assert list(chunk.names) == list(HARDWARE.joint_names)
    assert (chunk.steps, chunk.dt, chunk.sequence) == (25, 0.04, 1)
    assert list(chunk.positions[:14]) == pytest.approx(HARDWARE.home)
    assert chunk.header.stamp == report.header.stamp
    assert [seen.images[name].max() for name in HARDWARE.cameras] == [0, 10, 20]
    assert seen.instruction == "close the laptop"
    assert list(report.cameras) == list(HARDWARE.cameras)
    assert min(report.frames_received) > 0

    assert cell.policy.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert cell.policy.trigger_cleanup() == TransitionCallbackReturn.SUCCESS


def test_every_activation_is_a_new_episode_for_the_policy_and_a_cleanup_closes_it(cell, runner):
    cell.policy.trigger_configure()
    runner.resets = 0
    for count in (1, 2):
        cell.policy.trigger_activate()
        assert (runner.resets, runner.closed) == (count, 0)
        cell.policy.trigger_deactivate()
    cell.policy.trigger_cleanup()
    assert (runner.resets, runner.closed) == (2, 1)


def test_a_policy_that_is_refused_is_closed(cell, runner):
    runner.contradiction = "another robot"
    cell.policy.trigger_configure()
    assert runner.closed == 1


def test_actions_that_are_not_finite_are_not_sent(cell, runner):
    runner.actions = np.full((25, 14), np.nan, np.float32)
    cell.policy.trigger_configure()
    runner.seen.clear()
    cell.policy.trigger_activate()
    cell.until(lambda: len(runner.seen) > 1)
    assert cell.chunks == cell.reports == []
    runner.actions = None
    cell.until(lambda: cell.chunks)


def test_a_checkpoint_that_contradicts_the_cell_is_refused(cell, runner):
    runner.contradiction = "cameras in order: the policy has another order"
    assert cell.policy.trigger_configure() == TransitionCallbackReturn.FAILURE


@pytest.mark.parametrize(
    ("chunk", "latency", "steps"), [(25, 0.0, 8), (8, 0.1, 4), (5, 0.0, 4), (25, 0.3, 8)]
)
def test_a_policy_is_asked_as_often_as_its_chunks_need_it(
    cell, runner, monkeypatch, chunk, latency, steps
):
    monkeypatch.setattr(policy_node, "latency_s", lambda infer: infer() is None or latency)
    runner.contract.chunk = chunk
    assert cell.policy.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert cell.policy._replan_steps == steps


def test_a_policy_too_slow_for_its_chunks_is_refused_before_anything_moves(cell, runner):
    runner.contract.chunk, runner.latency_s = 8, 0.3
    assert cell.policy.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert runner.closed == 1
    with pytest.raises(TransitionError, match=r"takes 3\d\d ms, a chunk of 8 steps lasts 0.32 s"):
        cell.policy._load()


def test_a_model_that_fails_is_refused_in_one_sentence(cell, runner, capfd):
    runner.infer = None
    assert cell.policy.trigger_configure() == TransitionCallbackReturn.FAILURE
    said = capfd.readouterr().err
    assert "somewhere: the model failed: TypeError(" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("text", ["", "close\u200bit", "close it</s>", "close \ud800", "close\nit"])
def test_what_no_policy_can_be_told_is_refused_when_configuring(cell, runner, monkeypatch, text):
    task = hw_config.load_task("close_laptop").model_copy(update={"instruction": text})
    monkeypatch.setattr(hw_config, "load_task", lambda name: task)
    assert cell.policy.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert runner.seen == []


def test_an_instruction_that_the_policy_was_not_trained_on_is_told_with_both(
    cell, runner, monkeypatch, capfd
):
    runner.contract.known_instructions = ("open a drawer", "shut the laptop", "close the laptops")
    cell.policy.trigger_configure()
    said = capfd.readouterr().err
    assert "told 'close the laptop', on which it was not trained; it was trained on" in said
    assert "'close the laptops', 'shut the laptop', 'open a drawer'" in said


def test_an_unknown_task_is_refused_when_configuring(cell, runner, monkeypatch):
    settings = policy_node.Parameters(checkpoint="somewhere", task="close_laptops")
    monkeypatch.setattr(cell.policy, "_settings", settings)
    assert cell.policy.trigger_configure() == TransitionCallbackReturn.FAILURE


def test_another_checkpoint_is_loaded_by_the_next_configure(cell, runner, monkeypatch, tmp_path):
    loaded = []
    monkeypatch.setattr(
        policy_node,
        "open_policy",
        lambda directory, device, threads: loaded.append(str(directory)) or runner,
    )
    (tmp_path / "policy.yaml").touch()
    client = cell.node.create_client(SelectPolicy, "policy/select")
    cell.until(client.service_is_ready)

    def select(folder, alias="policy A"):
        answer = client.call_async(SelectPolicy.Request(checkpoint=str(folder), alias=alias))
        cell.until(answer.done)
        return answer.result()

    assert "expected a folder with a policy.yaml" in select(tmp_path / "nothing").message
    cell.policy.trigger_configure()
    cell.policy.trigger_activate()
    assert "deactivate it first" in select(tmp_path).message
    cell.policy.trigger_deactivate()
    cell.policy.trigger_cleanup()
    assert select(tmp_path).success
    cell.policy.trigger_configure()
    assert loaded == ["somewhere", str(tmp_path)]


def test_a_frame_that_was_on_its_way_when_the_node_was_cleaned_up_is_left(cell):
    cell.policy.trigger_configure()
    cell.policy.trigger_cleanup()
    cell.policy._on_image("head", b"")


def test_the_node_does_not_import_torch():
    code = "import sys, vega_inference.policy_node; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
