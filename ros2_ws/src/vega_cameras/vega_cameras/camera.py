"""One camera that keeps running: its thread opens it, watches it and brings it back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pyrealsense2 as rs

from hw_config import CameraConfig
from vega_cameras.colour_stream import ColourStream, Exposure, Identity
from vega_cameras.devices import CameraError, Devices, name_of
from vega_cameras.frames import Counters, Frame
from vega_cameras.freshness import Freshness
from vega_cameras.stamps import Stamper

_POLL_S = 0.1
_JOIN_S = 5.0
_START_LOCK_S = 15.0


@dataclass(frozen=True)
class Options:
    """How cameras are started, watched and brought back.

    Attributes:
        start_attempts: Tries to start a camera that is there but sends nothing; it is reset before
            each further one.
        first_frame_s: The longest wait for the first frame.
        start_most_s: The longest wait until a camera streams; the SDK hangs after that.
        silent_s: Without a frame for this long a camera is brought back.
        frozen_s: So, too, when frames come for this long without anything new in them.
        reset_settle_s: Time that a camera needs after a reset until USB has it again.
        back_off_s: Wait before the second try to bring a camera back; it doubles every time.
        back_off_most_s: Longest wait between two tries.
    """

    start_attempts: int = 3
    first_frame_s: float = 5.0
    start_most_s: float = 60.0
    silent_s: float = 0.5
    frozen_s: float = 0.5
    reset_settle_s: float = 3.0
    back_off_s: float = 0.5
    back_off_most_s: float = 5.0


class Camera:
    """Starts a camera, hands on its frames, and restarts it when it falls silent or freezes.

    Args:
        config: Which camera.
        devices: Where it is looked for.
        options: How it is treated.
        start_lock: Held while a camera starts: cameras start one after another.
        deliver: Gets every frame, in the camera's thread.
        notify: Gets a sentence when the camera fails and when it is back.

    Attributes:
        state: `stopped`, `starting`, `streaming` or `down`.
        trouble: Why it is down, for people.
        counters: What happened so far.
        stamper: Where its stamps come from.
        identity: What the device says about itself, None before it was found.
        intrinsics: Of the colour stream, None before it was opened.
        uniform: The image has one colour everywhere.
    """

    def __init__(
        self,
        config: CameraConfig,
        devices: Devices,
        options: Options,
        start_lock: threading.Lock,
        deliver: Callable[[Frame], None],
        notify: Callable[[str], None],
    ) -> None:
        self.config = config
        self.state = "stopped"
        self.trouble = ""
        self.counters = Counters()
        self.stamper = Stamper()
        self.identity: Identity | None = None
        self.intrinsics: rs.intrinsics | None = None
        self.uniform = False
        self._devices = devices
        self._options = options
        self._start_lock = start_lock
        self._deliver = deliver
        self._notify = notify
        self._held: Exposure | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._heartbeat_s = time.monotonic()

    def start(self) -> Future[None]:
        """Starts the camera's thread.

        Returns:
            Done when the camera streams; holds a `CameraError` when it could not be started, and
            then the thread has ended.
        """
        started: Future[None] = Future()
        self._stopping.clear()
        self.state = "starting"
        self._heartbeat_s = time.monotonic()
        self._thread = threading.Thread(
            target=self._run, args=(started,), name=f"{self.config.name} camera", daemon=True
        )
        self._thread.start()
        return started

    def ask_to_stop(self) -> None:
        """The thread will end soon."""
        self._stopping.set()

    def stop(self) -> bool:
        """Ends the thread; False when it hangs in the SDK and was left there."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_JOIN_S)
            if self._thread.is_alive():
                return False
        self.state = "stopped"
        return True

    @property
    def unresponsive_s(self) -> float:
        """Time since the thread last came back from the SDK."""
        return time.monotonic() - self._heartbeat_s

    def _run(self, started: Future[None]) -> None:
        try:
            self._keep_running(started)
        except Exception as error:
            self._down(f"{name_of(self.config)} is given up, the driver has a bug: {error!r}")
            if not started.done():
                started.set_exception(error)

    def _keep_running(self, started: Future[None]) -> None:
        stream = self._first_start(started)
        while stream is not None:
            self.state, self.trouble = "streaming", ""
            if not started.done():
                started.set_result(None)
            try:
                failure = self._stream(stream)
            except RuntimeError as error:
                failure = f"the SDK says: {error}"
            finally:
                stream.close()
            if failure is None:
                return
            self.counters.failures += 1
            self._down(f"{name_of(self.config)}: {failure}; bringing it back")
            stream = self._bring_back()

    def _first_start(self, started: Future[None]) -> ColourStream | None:
        for attempt in range(1, self._options.start_attempts + 1):
            try:
                return self._open()
            except CameraError as error:
                if error.needs_hands or attempt == self._options.start_attempts:
                    self.state, self.trouble = "down", str(error)
                    started.set_exception(error)
                    return None
            self._reset()
        raise AssertionError("at least one attempt is made")

    def _bring_back(self) -> ColourStream | None:
        wait_s = self._options.back_off_s
        self._reset()
        while not self._stopping.is_set():
            try:
                stream = self._open()
            except CameraError as error:
                if str(error) != self.trouble:
                    self._down(str(error))
                if not error.needs_hands:
                    self._reset()
            else:
                self.counters.returns += 1
                self._notify(f"{name_of(self.config)} is back")
                return stream
            self._stopping.wait(wait_s)
            self._heartbeat_s = time.monotonic()
            wait_s = min(2.0 * wait_s, self._options.back_off_most_s)
        return None

    def _down(self, trouble: str) -> None:
        self.state, self.trouble = "down", trouble
        self._notify(trouble)

    def _reset(self) -> None:
        if self._devices.reset(self.config):
            self.counters.resets += 1
            self._stopping.wait(self._options.reset_settle_s)
        self._heartbeat_s = time.monotonic()

    def _open(self) -> ColourStream:
        """Finds and starts the device, and waits until the exposure has settled."""
        with self._starting_alone():
            try:
                device = self._devices.find(self.config)
                stream = ColourStream(device, self.config)
                try:
                    self._warm_up(stream)
                except BaseException:
                    stream.close()
                    raise
            except CameraError:
                raise
            except RuntimeError as error:
                # It may vanish at any moment.
                text = f"{name_of(self.config)} cannot be started, the SDK says: {error}"
                raise CameraError(text) from None
        self.identity, self.intrinsics = stream.identity, stream.intrinsics
        return stream

    @contextmanager
    def _starting_alone(self) -> Iterator[None]:
        """Waits for the cameras that start before, but not for one that hangs in the SDK."""
        end_s = time.monotonic() + _START_LOCK_S
        mine = False
        while not (mine or self._stopping.is_set() or time.monotonic() > end_s):
            mine = self._start_lock.acquire(timeout=_POLL_S)
            self._heartbeat_s = time.monotonic()
        try:
            yield
        finally:
            if mine:
                self._start_lock.release()

    def _warm_up(self, stream: ColourStream) -> None:
        frame = None
        for count in range(self.config.warm_up_frames):
            frame = self._next(stream, self._options.first_frame_s)
            if self._stopping.is_set():
                return
            if frame is None:
                what = "sent no frame" if count == 0 else f"stopped after {count} frames"
                raise CameraError(
                    f"{name_of(self.config)} was started but {what} within "
                    f"{self._options.first_frame_s:g} s. Check cable and port; cameras that share "
                    "a USB controller can take each other's bandwidth"
                )
        if self.config.lock_exposure and frame is not None:
            # After a failure the image shall look as before.
            self._held = self._held or stream.exposure(frame)
            stream.hold(self._held)

    def _next(self, stream: ColourStream, timeout_s: float) -> rs.frame | None:
        """The next frame; None when there is none in time or the camera is being stopped."""
        end_s = time.monotonic() + timeout_s
        while not self._stopping.is_set():
            # Waits are short, so that a stop does not take long.
            left_s = end_s - time.monotonic()
            frame = stream.read(min(max(left_s, 0.0), _POLL_S))
            self._heartbeat_s = time.monotonic()
            if frame is not None or self._heartbeat_s >= end_s:
                return frame
        return None

    def _stream(self, stream: ColourStream) -> str | None:
        """Hands on frames until the camera fails (returns why) or is stopped (None)."""
        freshness = Freshness(self._options.frozen_s)
        last_number, doubtful = None, False
        while True:
            frame = self._next(stream, self._options.silent_s)
            if self._stopping.is_set():
                return None
            if frame is None:
                return f"no frame for {self._options.silent_s:g} s"
            pixels = np.asanyarray(frame.get_data())
            number = frame.get_frame_number()
            frozen = freshness.update(number, frame.get_timestamp(), pixels, time.monotonic())
            self.uniform = freshness.uniform
            if frozen:
                return frozen
            if freshness.repeated:
                self.counters.repeated += 1
                continue
            self.counters.frames += 1
            if last_number is not None and number > last_number:
                self.counters.lost += number - last_number - 1
            last_number = number
            stamp_ns = self.stamper.stamp_ns(frame, time.time_ns(), stream.identity.recorded)
            if bool(self.stamper.trouble) != doubtful:
                doubtful = not doubtful
                self._notify(f"{name_of(self.config)}: {self.stamper.trouble or 'stamps are good'}")
            self._deliver(Frame(pixels, stamp_ns, number))
