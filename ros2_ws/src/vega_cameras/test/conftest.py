"""A rig of small software cameras that are fed by hand or by a pattern."""

from __future__ import annotations

import os
import sys
import threading

import pytest
from vega_cameras.camera import Options
from vega_cameras.emulation.devices import EmulatedDevices
from vega_cameras.emulation.pattern import Feeder, Pattern
from vega_cameras.rig import Rig

import hw_config

WAIT_S = 20.0
QUICK = Options(
    start_attempts=2,
    first_frame_s=1.0,
    silent_s=0.5,
    frozen_s=0.5,
    reset_settle_s=0.15,
    back_off_s=0.05,
    back_off_most_s=0.2,
)
# Software cameras have no exposure that settles.
CAMERAS = {
    name: camera.model_copy(update={"warm_up_frames": 2})
    for name, camera in hw_config.load().cameras.items()
}


class Bench:
    """Software cameras with a moving image, the rig over them, and what it delivers."""

    def __init__(self, names=("head", "left_wrist"), options=QUICK, serials=None, **treated):
        """`treated`: fields of CameraConfig by camera, in place of those in cameras.yaml."""
        self.configs = [CAMERAS[n].model_copy(update=treated.get(n, {})) for n in names]
        self.devices = EmulatedDevices(self.configs, serials, reboot_s=0.1)
        self.frames = {name: [] for name in names}
        self.told = []
        self._changed = threading.Condition()
        self.rig = Rig(self.configs, self.devices, options, self._deliver, self._notify)
        self._feeders = [Feeder(c, Pattern(c.config)) for c in self.devices.cameras.values()]

    def _deliver(self, name, frame):
        with self._changed:
            self.frames[name].append(frame)
            del self.frames[name][:-100]
            self._changed.notify_all()

    def _notify(self, text):
        with self._changed:
            self.told.append(text)
            self._changed.notify_all()

    def until(self, condition, what):
        with self._changed:
            assert self._changed.wait_for(condition, WAIT_S), f"{what}; told: {self.told}"

    def fresh(self, name, count=3):
        """Waits for so many frames from now on and returns them."""
        with self._changed:
            self.frames[name].clear()
        self.until(lambda: len(self.frames[name]) >= count, f"no {count} frames of {name}")
        return list(self.frames[name])

    def until_told(self, *parts):
        self.until(
            lambda: any(all(part in text for part in parts) for text in self.told),
            f"nobody said {parts}",
        )

    def close(self):
        assert self.rig.stop() == []
        for feeder in self._feeders:
            feeder.stop()


@pytest.fixture
def bench():
    """Makes benches and closes them."""
    made = []

    def make(*args, **changes):
        made.append(Bench(*args, **changes))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def quick():
    """Options that do not wait long."""
    return QUICK


@pytest.fixture
def child_environment():
    """Lets a child process import what this one can."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
