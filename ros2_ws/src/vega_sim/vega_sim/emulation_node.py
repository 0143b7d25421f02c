"""The node `emulation`: the twin as hardware, for the unmodified drivers of arms and cameras.

It publishes nothing that a driver publishes: its arms speak the Piper protocol on emulated CAN
buses, and its images go to software RealSense cameras. Time is the system's.
"""

from __future__ import annotations

import time
from functools import partial

from diagnostic_msgs.msg import DiagnosticArray
from vega_cameras.emulation.frame_link import LinkWriter
from vega_msgs.srv import ResetScene
from vega_runtime import diagnostics
from vega_runtime.lifecycle import LifecycleNode
from vega_runtime.node import finish
from vega_runtime.node import main as run_node
from vega_runtime.parameters import declare

import hw_config
from vega_sim.cosimulation import EpisodeState
from vega_sim.emulated_arms import EmulatedArms
from vega_sim.leaders import NOBODY, Leaders, checked
from vega_sim.realtime_twin import STATE_HZ, Array, Pixels, RealtimeTwin, Shutter
from vega_sim.sim_outputs import TaskStates
from vega_sim.twin import Twin
from vega_sim.twin_services import OperatorServices, SceneParameters, SceneServices
from vega_sim.worker import Worker

_REPORT_PERIOD_S = 1.0


class EmulationNode(LifecycleNode):
    """Starts the arms' emulators, and is the world that they and the cameras are part of."""

    def __init__(self) -> None:
        super().__init__("emulation")
        self._given = declare(self, SceneParameters)
        self._hw = hw_config.load()
        self._task_states = TaskStates(self, self._hw, (self._given.task, self._given.variant))
        self._physics, self._rendering = Worker(self._failed), Worker(self._failed)
        self._arms: EmulatedArms | None = None
        self._twin: RealtimeTwin | None = None
        self._shutter: Shutter | None = None
        self._link = LinkWriter()
        self._active = False
        self._leaders: Leaders | None = None
        if checked(self._given.operator) != NOBODY:
            OperatorServices(self, self._physics, lambda: self._leaders)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        SceneServices(
            self, lambda asked: self._physics.call(partial(self._reset, asked)), self._inject
        )
        self.create_timer(_REPORT_PERIOD_S, self._report)

    def configure(self) -> None:
        """Switches the arms on, builds the scene and renders one image."""
        # First of all: the drivers are being configured, too, and listen for them.
        with_leaders = self._given.operator != NOBODY
        self._arms = EmulatedArms(self._hw, with_leaders=with_leaders)
        self._arms.wait()
        self._twin = self._physics.call(self._build)
        cameras = {str(name): float(camera.fps) for name, camera in self._hw.cameras.items()}
        self._shutter = Shutter(self._twin, cameras, self._write)
        # Seen by nobody: a missing OpenGL is found now. The cameras see grey until the world moves.
        self._rendering.call(self._shutter.test)

    def activate(self) -> None:
        """The world begins to move."""
        assert self._twin is not None
        assert self._shutter is not None
        self._physics.call(self._twin.resume)
        self._rendering.call(self._shutter.resume)
        self._physics.run(self._twin.tick)
        self._rendering.run(self._shutter.tick)
        self._active = True

    def deactivate(self) -> None:
        """The world stands still; its arms go on speaking."""
        self._active = False
        self._rendering.pause()
        self._physics.pause()

    def cleanup(self) -> None:
        """Switches the arms off and frees the scene."""
        self.deactivate()
        if self._arms is not None:
            self._arms.close()
        if self._shutter is not None:
            self._rendering.call(self._shutter.close)
        self._arms = self._twin = self._shutter = self._leaders = None

    def close(self) -> None:
        """Called at the end of the process."""
        self.cleanup()
        self._rendering.stop()
        self._physics.stop()
        self._link.close()

    def _build(self) -> RealtimeTwin:
        assert self._arms is not None
        given = self._given
        twin = Twin(given.task, given.variant, self._hw)
        if given.operator != NOBODY:
            self._leaders = Leaders(twin, given.operator, STATE_HZ)
        return RealtimeTwin(
            twin,
            self._arms.arms,
            self,
            given.seed,
            leaders=self._leaders,
        )

    def _write(self, camera: str, pixels: Pixels, stamp_ns: int) -> None:
        self._link.write(camera, pixels, stamp_ns)

    def episode_state(self, state: EpisodeState) -> None:
        """Publishes how the episode stands."""
        self._task_states.publish(time.time_ns(), state)

    def too_slow(self, text: str) -> None:
        """Warns."""
        self.get_logger().warning(text)

    def leader_moved(self, arm: str, q: Array) -> None:
        """Moves an arm's emulated leader."""
        if self._arms is not None:
            self._arms.lead(arm, q)

    def _reset(self, request: ResetScene.Request) -> int:
        twin = self._twin
        if twin is None:
            raise ValueError("the emulation node is not configured yet")
        if request.seed < 0:
            raise ValueError(f"a seed is 0 or more, got {request.seed}")
        before = self._task_states.scene
        scene = (request.task or before[0], request.variant or before[1])
        twin.reset(request.seed, None if scene == before else Twin(*scene, self._hw))
        self._task_states.scene = scene
        self.episode_state(twin.state())
        return twin.state().episode

    def _inject(self, kind: str, target: str) -> None:
        """Faults of the arms; those of the cameras are the service cameras/inject_fault."""
        if self._arms is None:
            raise ValueError("the emulation node is not configured yet")
        self._arms.inject(kind, target)

    def _report(self) -> None:
        twin, shutter = self._twin, self._shutter
        if not self._active or twin is None or shutter is None:
            return
        state = twin.state()
        values: dict[str, object] = {"real_time_factor": state.real_time_factor}
        values.update({f"frames_{name}": count for name, count in state.frames.items()})
        if self._leaders is not None:
            values["operator"] = self._leaders.phase
        values.update({f"skipped_{name}": count for name, count in shutter.skipped.items()})
        stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(
            diagnostics.report(stamp, "emulation", diagnostics.OK, state.progress, values)
        )

    def _failed(self, error: Exception) -> None:
        self.get_logger().fatal(f"the emulated hardware stopped: {error}")
        finish(1)


def main() -> None:
    """Entry point."""
    run_node(EmulationNode)


if __name__ == "__main__":
    main()
