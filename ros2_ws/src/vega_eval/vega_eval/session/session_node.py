"""The node `session`: trials of several policies on the launched stack, one after the other."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_srvs.srv import Trigger
from vega_runtime import working
from vega_runtime.launched import Ending
from vega_runtime.node import light_executor
from vega_runtime.parameters import ParameterError, declare, parameter

import hw_config
from teleop.dataset.episode import hardware_files
from teleop.errors import TeleopError
from teleop.session.consent import Consent
from vega_core.provenance import git_state
from vega_eval.checkpoints import policies_of, untrained_for
from vega_eval.episode.episode_state_machine import Patience
from vega_eval.errors import EvalError
from vega_eval.placements import placements_for
from vega_eval.provenance import provenance_now
from vega_eval.session.early_end import EarlyEnd
from vega_eval.session.operator_console import OperatorConsole, SessionPhase
from vega_eval.session.operator_services import OperatorServices
from vega_eval.session.recording import TrialRecorder
from vega_eval.session.robot_backend import BackendError, Refused, SessionStopped
from vega_eval.session.ros_backend import RosBackend, SessionSetup
from vega_eval.session.trial_runner import RunnerOptions, TrialRunner
from vega_eval.trials.blinding import REVEALED_FILE
from vega_eval.trials.folder import SessionFolder, SessionPlan
from vega_eval.trials.session_spec import Judge, Robot, TaskSpec, config_digest
from vega_policy.errors import PolicyError

_WATCH_S = 0.1
_SHUTDOWN_S = 4.0
_FOR_PEOPLE = (EvalError, PolicyError, TeleopError, hw_config.ConfigError, ValueError, OSError)


@dataclass(frozen=True)
class SessionParameters:
    """Parameters of the node `session`."""

    task: str = parameter("close_laptop", "task of hw_config")
    variant: str = parameter("easy", "of the task: easy or hard")
    policies: tuple[str, ...] = parameter(("",), "folders of the checkpoints that are compared")
    trials: int = parameter(20, "trials of each policy", low=1, high=10_000)
    seed: int = parameter(0, "of the schedule", low=0)
    output: str = parameter("", "folder of the session; one that is there is gone on with")
    robot: str = parameter("sim", "what stands behind the topics: sim, emulated or real")
    judge: str = parameter("rules", "who judges trials: rules (the twin's) or operator")
    operator: str = parameter("", "who is there; recorded with every trial")
    lighting: str = parameter("", "a note on the light; recorded with every trial")
    stop_early: bool = parameter(
        False, "end as soon as the sequential test has decided between two policies"
    )
    aa: bool = parameter(False, "an A/A session: the same policy may be given more than once")
    load_timeout_s: float = parameter(600.0, "the longest that a policy may take to load", low=1.0)
    record: bool = parameter(True, "an MCAP recording a trial")
    video_fps: int = parameter(15, "frames a second of the videos, in ROS time", low=1, high=60)
    start_patience_s: float = parameter(
        90.0, "wall time that the stack may take until a trial's first policy step", low=1.0
    )
    first_step_patience_s: float = parameter(
        10.0, "ROS time that the gate may hold before a trial's first policy step", low=0.1
    )
    ready_patience_s: float = parameter(
        300.0,
        "wall time to wait for what a trial needs (cameras, arms, gate) before the session "
        "ends; 0: for as long as it takes",
        low=0.0,
    )

    @property
    def patience(self) -> Patience:
        """How long a trial's episode waits; a gate that holds is the policy's affair."""
        return Patience(
            self.start_patience_s, first_step_s=self.first_step_patience_s, hold_s=float("inf")
        )


class SessionNode(Node):
    """Runs a session outside the executor; the operator's services are answered inside it."""

    def __init__(self, ending: Ending) -> None:
        super().__init__("session")
        self._ending = ending
        self._given = given = declare(self, SessionParameters)
        if not given.output:
            raise ParameterError("the parameter 'output' is missing: a folder for the session")
        self._hardware, self._task = hw_config.load(), hw_config.load_task(given.task)
        by = "rules" if given.judge == "rules" else (given.operator or "operator")
        self._task_spec = TaskSpec.of(self._task, given.variant)
        # Where the twin's rules judge, nobody is at the table.
        consent = Consent(unattended=given.judge == "rules")
        self._console = OperatorConsole(self._task_spec.milestones, by, consent)
        self._setup = SessionSetup(
            hardware=self._hardware,
            task=self._task,
            task_spec=self._task_spec,
            robot=given.robot,
            judged=given.judge == "rules",
            patience=given.patience,
            operator=given.operator,
            git=git_state(Path(hw_config.__file__).parent),
        )
        self._backend = RosBackend(
            self,
            self._setup,
            given.video_fps,
            self.stop_requested,
            self._console.is_stopped,
            consent,
        )
        self._backend.policy.load_s = given.load_timeout_s
        self._shutdown = self.create_client(Trigger, "manager/shutdown")
        self._folder: SessionFolder | None = None
        self._early_end: EarlyEnd | None = None
        self._offered = OperatorServices(
            self, self._console, self._backend, self._task_spec, given.output
        )
        self.create_timer(
            _WATCH_S, self._backend.watch, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def run(self) -> int:
        """Plays the session, and takes the stack down when it is complete.

        Returns:
            The exit code: 0 when every trial was played, 2 when the session was refused before
            it began, 1 otherwise.
        """
        code = 1
        try:
            why = self._play()
            self._close(why)
            code = 0
        except SessionStopped:
            self.log(f"stopped; the same command goes on where it stands{self._progress()}")
        except _FOR_PEOPLE as error:
            self.get_logger().error(str(error))
            self.log(f"RESULT {self._task.name}: not finished{self._progress()}")
            code = 2 if self._folder is None and is_refusal(error) else 1
        finally:
            if self._backend.recorder is not None:
                self._backend.recorder.close()
            if self._folder is not None:
                self._folder.close()
        if code == 0:
            self._take_down()
        return code

    def _play(self) -> str:
        given = self._given
        checkpoints = [Path(each) for each in given.policies if each]
        policies = policies_of(checkpoints, self._hardware, self._log_reading(), given.aa)
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
            self._backend.policy.try_out(policy.checkpoint, policy.name)
        session = self._folder = SessionFolder.open_or_resume(folder, plan)
        self._log_beginning(session)
        return self._run_trials(session)

    def _run_trials(self, session: SessionFolder) -> str:
        given, backend = self._given, self._backend
        backend.policy.checkpoints = {
            letter: policy.checkpoint for letter, policy in session.key.policies.items()
        }
        backend.images.keep_in(session.folder)
        backend.schedule_length = len(session.session.schedule)
        if given.record:
            config = hw_config.config_dir()
            recorder = TrialRecorder(self, self._hardware, given.robot, session.folder, config)
            for text in recorder.repaired:
                self.get_logger().warning(text)
            backend.record_with(recorder)
        self._early_end = EarlyEnd(session, given.stop_early, self.log)
        options = RunnerOptions(
            given.judge == "operator", given.ready_patience_s or None, stopped=backend.stopped
        )
        return TrialRunner(session, backend, self._console, self, options).run()

    def stop_requested(self) -> bool:
        """Whether the session's end was asked for."""
        return self._ending.asked

    def early_end(self) -> str:
        """Why the session may end before every trial was played; empty if it may not."""
        return self._early_end() if self._early_end is not None else ""

    def record_fields(self) -> dict[str, Any]:
        """What may change from trial to trial, and is written with each."""
        return {
            "operator": self._given.operator,
            "lighting": self._given.lighting,
            "config_sha256": config_digest(hardware_files(hw_config.config_dir())),
        }

    def _close(self, why: str) -> None:
        assert self._folder is not None
        self._folder.finish(why)
        self._console.show(
            phase=SessionPhase.FINISHED, text=why, valid=len(self._folder.status.valid)
        )
        self.log(f"{why}; the identities are in {self._folder.folder / 'key.json'}")
        for letter, policy in self._folder.key.policies.items():
            played = self._folder.status.of(letter)
            done = sum(record.success for record in played)
            self.log(
                f"RESULT {self._task.name} ({self._given.variant}), {policy.name}: "
                f"{done} of {len(played)} -> {self._given.output}"
            )
        self.log(f"report: python -m vega_eval.report {self._given.output}")

    def _log_beginning(self, session: SessionFolder) -> None:
        for text in session.damaged:
            self.get_logger().warning(f"{text}; its trial is played again")
        status = session.status
        total = len(session.session.schedule)
        verb = "goes on with" if session.resumed else "begins"
        self.log(
            f"{verb} a session of {total} trials: {len(session.session.policies)} policies, "
            f"{session.session.trials_each} trials each; {len(status.valid)} are valid so far"
        )
        if not session.resumed:
            for text in EarlyEnd.resolution(session.session):
                self.log(text)

    def _log_reading(self) -> Any:
        logged_s = time.monotonic()

        def log(folder: Path, done: int, total: int) -> None:
            nonlocal logged_s
            if time.monotonic() - logged_s > 5.0:
                logged_s = time.monotonic()
                self.log(f"reading {folder}: {done / 1e9:.1f} of {total / 1e9:.1f} GB")

        return log

    def _progress(self) -> str:
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

    def log(self, text: str) -> None:
        """A line for people."""
        print(text, flush=True)


def is_refusal(error: Exception) -> bool:
    """Whether what was asked for is wrong: a stack that fails leaves logs that somebody needs."""
    return isinstance(error, Refused) or not isinstance(error, BackendError)


def main() -> None:
    """Runs the node; the process ends with the session."""
    working.main(SessionNode, light_executor)


if __name__ == "__main__":
    main()
