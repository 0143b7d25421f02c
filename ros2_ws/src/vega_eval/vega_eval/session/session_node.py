"""The node `session`: trials of several policies on the launched stack, one after the other."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_srvs.srv import Trigger
from vega_runtime import working
from vega_runtime.launched import Ending
from vega_runtime.node import light_executor
from vega_runtime.parameters import ParameterError, declare

import hw_config
from teleop.dataset.episode import hardware_files
from teleop.errors import TeleopError
from vega_core.provenance import git_state
from vega_eval.checkpoints import policies_of, untrained_for
from vega_eval.errors import EvalError
from vega_eval.provenance import provenance_now
from vega_eval.session.conduct import Conductor
from vega_eval.session.decision import EarlyEnd
from vega_eval.session.operator_console import OperatorConsole, Phase
from vega_eval.session.operator_services import OperatorServices
from vega_eval.session.parameters import Parameters
from vega_eval.session.plan import placements_for
from vega_eval.session.recording import TrialRecorder
from vega_eval.session.ros_stack import Cell, RosStack
from vega_eval.session.stack import Stopped
from vega_eval.trials.blinding import REVEALED_FILE
from vega_eval.trials.folder import SessionFolder, SessionPlan
from vega_eval.trials.session_spec import Judge, Robot, TaskSpec, config_digest
from vega_policy.errors import PolicyError

_WATCH_S = 0.1
_SHUTDOWN_S = 4.0
_FOR_PEOPLE = (EvalError, PolicyError, TeleopError, hw_config.ConfigError, ValueError, OSError)


class SessionNode(Node):
    """Runs a session outside the executor; the operator's services are answered inside it."""

    def __init__(self, ending: Ending) -> None:
        super().__init__("session")
        self._ending = ending
        self._given = given = declare(self, Parameters)
        if not given.output:
            raise ParameterError("the parameter 'output' is missing: a folder for the session")
        self._hardware, self._task = hw_config.load(), hw_config.load_task(given.task)
        by = "rules" if given.judge == "rules" else (given.operator or "operator")
        self._task_spec = TaskSpec.of(self._task, given.variant)
        self._console = OperatorConsole(self._task_spec.milestones, by)
        self._cell = Cell(
            hardware=self._hardware,
            task=self._task,
            task_spec=self._task_spec,
            robot=given.robot,
            judged=given.judge == "rules",
            patience=given.patience,
            operator=given.operator,
            git=git_state(Path(hw_config.__file__).parent),
        )
        self._stack = RosStack(
            self, self._cell, given.video_fps, lambda: ending.asked, self._console.is_stopped
        )
        self._shutdown = self.create_client(Trigger, "manager/shutdown")
        self._folder: SessionFolder | None = None
        self._offered = OperatorServices(
            self, self._console, self._stack, self._task_spec, given.output
        )
        self.create_timer(
            _WATCH_S, self._stack.watch, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def run(self) -> int:
        """Plays the session, and takes the stack down when it is complete.

        Returns:
            The exit code: 0 when every trial was played, 1 otherwise.
        """
        code = 1
        try:
            why = self._play()
            self._close(why)
            code = 0
        except Stopped:
            self._say(f"stopped; the same command goes on where it stands{self._standing()}")
        except _FOR_PEOPLE as error:
            self.get_logger().error(str(error))
            self._say(f"RESULT {self._task.name}: not finished{self._standing()}")
        finally:
            if self._stack.recorder is not None:
                self._stack.recorder.close()
            if self._folder is not None:
                self._folder.close()
        if code == 0:
            self._take_down()
        return code

    def _play(self) -> str:
        given = self._given
        checkpoints = [Path(each) for each in given.policies if each]
        policies = policies_of(checkpoints, self._hardware, self._tell_reading())
        known = provenance_now()
        plan = SessionPlan(
            task_spec=self._task_spec,
            robot=cast(Robot, given.robot),
            judge=cast(Judge, given.judge),
            seed=given.seed,
            trials_each=given.trials,
            policies=policies,
            plan_placements=placements_for(self._task, given.variant, given.robot, given.seed),
            operator=given.operator,
            lighting=given.lighting,
            config_sha256=known.config_sha256,
            commit=known.commit,
            versions=known.versions,
        )
        folder = Path(given.output)
        SessionFolder.check(folder, plan)
        for text in untrained_for(policies, self._task.name):
            self.get_logger().warning(f"{text}: expect it to fail")
        for policy in policies if not (folder / REVEALED_FILE).exists() else ():
            self._console.show(text=f"loads {policy.name}, to see whether it can be loaded")
            self._stack.policy.try_out(policy.checkpoint, policy.name)
        session = self._folder = SessionFolder.open_or_resume(folder, plan)
        self._tell_beginning(session)
        return self._conduct(session)

    def _conduct(self, session: SessionFolder) -> str:
        given, stack = self._given, self._stack
        stack.policy.checkpoints = {
            letter: policy.checkpoint for letter, policy in session.key.policies.items()
        }
        stack.resets.keep_in(session.folder)
        stack.schedule_length = len(session.session.schedule)
        if given.record:
            config = hw_config.config_dir()
            recorder = TrialRecorder(self, self._hardware, given.robot, session.folder, config)
            for text in recorder.repaired:
                self.get_logger().warning(text)
            stack.record_with(recorder)
        conductor = Conductor(
            session,
            stack,
            self._console,
            judge=given.judge == "operator",
            tell=self._say,
            stopping=lambda: self._ending.asked,
            decided=EarlyEnd(session, given.stop_early, self._say),
            known=self._known,
            patience_s=given.ready_patience_s or None,
        )
        return conductor.run()

    def _known(self) -> dict[str, Any]:
        """What may change from trial to trial, and is written with each."""
        return {
            "operator": self._given.operator,
            "lighting": self._given.lighting,
            "config_sha256": config_digest(hardware_files(hw_config.config_dir())),
        }

    def _close(self, why: str) -> None:
        assert self._folder is not None
        self._folder.finish(why)
        self._console.show(phase=Phase.FINISHED, text=why, valid=len(self._folder.status.valid))
        self._say(f"{why}; the identities are in {self._folder.folder / 'key.json'}")
        for letter, policy in self._folder.key.policies.items():
            played = self._folder.status.of(letter)
            done = sum(record.success for record in played)
            self._say(
                f"RESULT {self._task.name} ({self._given.variant}), {policy.name}: "
                f"{done} of {len(played)} -> {self._given.output}"
            )
        self._say(f"report: python -m vega_eval.report {self._given.output}")

    def _tell_beginning(self, session: SessionFolder) -> None:
        for text in session.damaged:
            self.get_logger().warning(f"{text}; its trial is played again")
        status = session.status
        total = len(session.session.schedule)
        verb = "goes on with" if session.resumed else "begins"
        self._say(
            f"{verb} a session of {total} trials: {len(session.session.policies)} policies, "
            f"{session.session.trials_each} trials each; {len(status.valid)} are valid so far"
        )
        if not session.resumed:
            for text in EarlyEnd.resolution(session.session):
                self._say(text)

    def _tell_reading(self) -> Any:
        told_s = time.monotonic()

        def tell(folder: Path, done: int, total: int) -> None:
            nonlocal told_s
            if time.monotonic() - told_s > 5.0:
                told_s = time.monotonic()
                self._say(f"reading {folder}: {done / 1e9:.1f} of {total / 1e9:.1f} GB")

        return tell

    def _standing(self) -> str:
        if self._folder is None:
            return ""
        valid, total = len(self._folder.status.valid), len(self._folder.session.schedule)
        return f" ({valid}/{total} trials are valid) -> {self._given.output}"

    def _take_down(self) -> None:
        """Asks the manager to take the stack down, and waits until it has begun."""
        if not self._shutdown.service_is_ready():
            return
        self._shutdown.call_async(Trigger.Request())
        end_s = time.monotonic() + _SHUTDOWN_S
        while self._shutdown.service_is_ready() and time.monotonic() < end_s:
            time.sleep(_WATCH_S)

    def _say(self, text: str) -> None:
        print(text, flush=True)


def main() -> None:
    """Runs the node; the process ends with the session."""
    working.main(SessionNode, light_executor)


if __name__ == "__main__":
    main()
