"""All checks of the doctor, side by side."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vega_inference import doctor as policy

import hw_config
from hw_config import ConfigError, HardwareConfig
from vega_bringup.doctor import machine_survey, stack_checks
from vega_core.findings import Finding, fail, ok, skip
from vega_core.registry import Registry

LONGEST_S = 14.0
TWIN_POLICY = Path(hw_config.__file__).resolve().parents[1] / "models" / "twin"
_MEND = "mend this line; the comments in the file say what belongs there"
_OTHER_CELL = "set VEGA_HW_CONFIG to a copy of hw_config, or unset it for the shipped one"
_INSTALL = "run make setup (it installs the drivers' SDKs and libusb-1.0-0), then source env.sh"


@dataclass(frozen=True)
class Subject:
    """What the doctor looks at.

    Attributes:
        hardware: The cell; None where hw_config is wrong.
        robot: `real`, `emulated` or `sim`.
        recordings: Folder into which recordings go.
        checkpoint: Folder of the policy that shall run.
    """

    hardware: HardwareConfig | None
    robot: str
    recordings: Path
    checkpoint: Path


Survey = Callable[[Subject], list[Finding]]


def of_cell(survey: Callable[[HardwareConfig, Subject], list[Finding]]) -> Survey:
    """A survey that needs to know the cell, and is skipped where hw_config is wrong."""

    def run(subject: Subject) -> list[Finding]:
        if subject.hardware is None:
            return [skip("not checked", "hw_config is wrong", "mend it first")]
        return survey(subject.hardware, subject)

    return run


def of_driver(module: str) -> Survey:
    """The `survey(hardware, robot)` of a driver's module, which is loaded when it is run."""

    def run(hardware: HardwareConfig, subject: Subject) -> list[Finding]:
        if subject.robot == "sim":
            return [skip("not checked", "the twin has none")]
        try:
            # Not before: without an SDK all other checks are still of use.
            survey = importlib.import_module(module).survey
        except (ImportError, OSError) as error:
            return [fail("driver", f"cannot be loaded: {error}", _INSTALL)]
        found: list[Finding] = survey(hardware, subject.robot)
        return found

    return of_cell(run)


SURVEYS: Registry[Survey] = Registry("area of the doctor")
SURVEYS.register("arms", of_driver("vega_arms.doctor.survey"))
SURVEYS.register("cameras", of_driver("vega_cameras.doctor.survey"))
SURVEYS.register("policy", of_cell(lambda cell, given: policy.survey(cell, given.checkpoint)))
SURVEYS.register(
    "computer", lambda given: machine_survey.survey(given.hardware, given.robot, given.recordings)
)
SURVEYS.register("ROS 2", lambda given: stack_checks.survey())


def examine(
    robot: str, recordings: Path, checkpoint: Path = TWIN_POLICY
) -> dict[str, list[Finding]]:
    """All checks; the findings by area."""
    hardware, cell = _cell()
    subject = Subject(hardware, robot, recordings, checkpoint)
    surveys = {area: partial(survey, subject) for area, survey in SURVEYS.items()}
    return {"cell": cell, **at_once(surveys, LONGEST_S)}


def at_once(
    surveys: Mapping[str, Callable[[], list[Finding]]], longest_s: float
) -> dict[str, list[Finding]]:
    """Runs surveys in threads; one that fails or hangs becomes a row, never a traceback."""
    found: dict[str, list[Finding]] = {}

    def run(area: str, survey: Callable[[], list[Finding]]) -> None:
        try:
            found[area] = survey()
        except Exception as error:
            text = f"the check itself failed: {type(error).__name__}: {error}"
            found[area] = [fail(area, text, "report this, with what is connected")]

    threads = {
        area: threading.Thread(target=run, args=(area, survey), name=area, daemon=True)
        for area, survey in surveys.items()
    }
    for thread in threads.values():
        thread.start()
    end_s = time.monotonic() + longest_s
    for thread in threads.values():
        thread.join(max(end_s - time.monotonic(), 0.0))
    hangs = fail("no answer", f"nothing came back within {longest_s:g} s", "unplug, plug in, retry")
    return {area: found.get(area, [hangs]) for area in surveys}


def _cell() -> tuple[HardwareConfig | None, list[Finding]]:
    try:
        hardware = hw_config.load()
        tasks = [hw_config.load_task(name).name for name in hw_config.task_names()]
    except ConfigError as error:
        return None, [
            fail("hw_config", line, _OTHER_CELL if line.startswith("VEGA_HW_CONFIG=") else _MEND)
            for line in str(error).splitlines()
        ]
    text = f"{hw_config.config_dir()}: {hardware.topology}, {len(tasks)} tasks"
    return hardware, [ok("hw_config", text)]
