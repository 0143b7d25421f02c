"""The node `sim`: the twin behind the topics of the drivers, and the clock of everybody else."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial

from diagnostic_msgs.msg import DiagnosticArray
from vega_msgs.msg import ArmCommand, ArmStatus
from vega_msgs.srv import ResetScene
from vega_runtime import diagnostics
from vega_runtime.lifecycle import LifecycleNode
from vega_runtime.node import finish
from vega_runtime.node import main as run_node
from vega_runtime.parameters import declare, parameter
from vega_runtime.qos import COMMAND, LATCHED
from vega_runtime.stamps import to_ns, to_time

import hw_config
from vega_sim.arm_services import ArmServices
from vega_sim.commands import ARMS, Command, CommandInbox
from vega_sim.cosimulation import Cosimulation
from vega_sim.leaders import NOBODY, SHARED_BUS, Leaders, checked
from vega_sim.pacing import Pacer
from vega_sim.sim_outputs import SimOutputs, TaskStates
from vega_sim.twin import Twin
from vega_sim.twin_services import OperatorServices, SceneParameters, SceneServices
from vega_sim.worker import Worker

_REPORT_PERIOD_S = 1.0
_SWITCH_INTERVAL_S = 0.0005


@dataclass(frozen=True)
class Parameters(SceneParameters):
    """Parameters of the node."""

    cameras: tuple[str, ...] = parameter(
        lambda: tuple(hw_config.load().cameras), "cameras that are rendered"
    )
    max_real_time_factor: float = parameter(
        1.0, "simulated seconds a second of wall time, at most", low=0.01, high=1.0
    )


class SimNode(LifecycleNode):
    """Publishes what the drivers of arms and cameras publish, and obeys the gate as they do."""

    def __init__(self) -> None:
        super().__init__("sim")
        self._given = declare(self, Parameters)
        self._hw = hw_config.load()
        self._worker = Worker(self._simulation_failed)
        self._inbox = CommandInbox({name: arm.joint_names for name, arm in self._hw.arms.items()})
        self._twin: Twin | None = None
        self._simulation: Cosimulation | None = None
        self._task_states = TaskStates(self, self._hw, (self._given.task, self._given.variant))
        has_leaders = checked(self._given.operator) != NOBODY
        self._leaders: Leaders | None = None
        self._led = has_leaders and self._hw.topology == SHARED_BUS
        self._outputs = SimOutputs(self, self._hw, self._task_states, has_leaders)
        self._status = {
            arm: self.create_publisher(ArmStatus, f"{arm}/follower/status", LATCHED) for arm in ARMS
        }
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        if has_leaders:
            OperatorServices(self, self._worker, lambda: self._leaders)
        for arm in ARMS if not self._led else ():
            self.create_subscription(
                ArmCommand, f"{arm}/follower/command", partial(self._on_command, arm), COMMAND
            )
        SceneServices(
            self, lambda asked: self._worker.call(partial(self._reset, asked)), self._inject
        )
        self._arm_services = ArmServices(self, ARMS, self._set_power)
        self._active = False
        # The node's own clock is wall time: it makes the simulated one.
        self.create_timer(_REPORT_PERIOD_S, self._report)

    def configure(self) -> None:
        """Builds the scene and renders one image, so that a missing OpenGL is found now."""
        unknown = sorted(set(self._given.cameras) - set(self._hw.cameras))
        if unknown:
            raise hw_config.ConfigError(
                f"unknown camera {', '.join(unknown)}; the cameras are: "
                f"{', '.join(self._hw.cameras)}"
            )
        self._worker.call(self._build)

    def activate(self) -> None:
        """Starts the clock."""
        assert self._simulation is not None
        self._worker.call(self._simulation.resume)
        self._worker.run(self._simulation.tick)
        self._active = True
        self._arm_services.begin()

    def deactivate(self) -> None:
        """Stops the clock."""
        self._active = False
        self._worker.pause()

    def cleanup(self) -> None:
        """Frees the scene."""
        self._active = False
        self._worker.pause()
        self._worker.call(self._free)

    def close(self) -> None:
        """Ends the simulation's thread."""
        self.cleanup()
        self._worker.stop()

    def _build(self) -> None:
        given = self._given
        self._twin = Twin(given.task, given.variant, self._hw)
        if given.operator != NOBODY:
            self._leaders = Leaders(self._twin, given.operator, self._hw.rates.state_hz)
        self._simulation = Cosimulation(
            self._twin,
            {k: camera.fps for k, camera in self._hw.cameras.items() if k in given.cameras},
            self._hw.rates.state_hz,
            self._hw.rates.control_hz,
            self._outputs,
            self._inbox,
            Pacer(self._inbox, given.max_real_time_factor, self._warn),
            given.seed,
            leaders=self._leaders,
        )
        if given.cameras:
            self._twin.render(given.cameras[0])
        # Receiving must not wait 5 ms (the default) for a tick that is busy.
        sys.setswitchinterval(_SWITCH_INTERVAL_S)

    def _free(self) -> None:
        if self._twin is not None:
            self._twin.close()
        self._twin = self._simulation = self._leaders = None

    def _on_command(self, arm: str, message: ArmCommand) -> None:
        if not self._active:
            return
        command = Command(
            message.names, message.positions, to_ns(message.header.stamp), to_ns(message.deadline)
        )
        refusal = self._inbox.offer(arm, command)
        if refusal:
            self.get_logger().error(refusal, throttle_duration_sec=5.0)

    def _reset(self, request: ResetScene.Request) -> int:
        if self._simulation is None or self._twin is None:
            raise ValueError("the sim node is not configured yet")
        if request.seed < 0:
            raise ValueError(f"a seed is 0 or more, got {request.seed}")
        before = self._task_states.scene
        scene = (request.task or before[0], request.variant or before[1])
        if scene == before:
            self._simulation.reset(request.seed)
        else:
            old, self._twin = self._twin, Twin(*scene, self._hw)
            self._task_states.scene = scene
            self._simulation.reset(request.seed, self._twin)
            old.close()
        state = self._simulation.state()
        self._outputs.episode(self._simulation.stamp_ns, state)
        return state.episode

    def _inject(self, kind: str, target: str) -> None:
        if self._simulation is None:
            raise ValueError("the sim node is not configured yet")
        try:
            self._worker.call(partial(self._simulation.inject, kind, target))
        finally:
            self._publish_status()

    def _set_power(self, arm: str, on: bool) -> str | None:
        if self._simulation is None:
            return "the sim node is not configured yet"
        self._worker.call(partial(self._simulation.power, arm, on))
        self._publish_status()
        return None if self._simulation.enabled(arm) or not on else "disabled by an injected fault"

    def _publish_status(self) -> None:
        if self._simulation is None:
            return
        for arm, publisher in self._status.items():
            enabled = self._simulation.enabled(arm)
            message = ArmStatus(enabled=enabled and not self._led)
            message.header.stamp = to_time(self._simulation.stamp_ns)
            why = self._arm_services.text(arm) or "disabled by an injected fault"
            message.text = "enabled" if enabled else why
            if enabled and self._led:
                message.text = "a leader arm commands this arm"
            publisher.publish(message)

    def _report(self) -> None:
        if not self._active or self._simulation is None:
            return
        state = self._simulation.state()
        values: dict[str, object] = {"real_time_factor": state.real_time_factor}
        values.update({f"frames_{name}": count for name, count in state.frames.items()})
        values.update({f"refused_{reason}": n for reason, n in self._inbox.refused.items()})
        if self._leaders is not None:
            values["operator"] = self._leaders.phase
        self._diagnostics.publish(
            diagnostics.report(
                self.get_clock().now().to_msg(), "sim", diagnostics.OK, state.progress, values
            )
        )

    def _warn(self, text: str) -> None:
        self.get_logger().warning(text)

    def _simulation_failed(self, error: Exception) -> None:
        self.get_logger().fatal(f"the simulation stopped: {error}")
        finish(1)


def main() -> None:
    """Entry point."""
    run_node(SimNode)


if __name__ == "__main__":
    main()
