"""Infers beside the motion: the next chunk is computed while the last one is executed."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from vega_runtime.repeats import Repeats

from vega_inference.observation import ObservationBuffer, Snapshot, StaleObservation

_STAMP_TOLERANCE_S = 1e-3
_JOIN_S = 2.0
# Sources that were connected just before may take this long to be heard.
_SETTLE_S = 1.0

_SLOW = (
    "this computer is too slow for its cameras, or their frames get lost; close other programs, or "
    "set a lower fps in hw_config/cameras.yaml"
)

Log = Callable[[str, str], None]
"""Says a sentence to the operator; the first argument is info, warn, error or debug."""


@dataclass(frozen=True)
class Inference:
    """A chunk as the model gave it, all values finite.

    Attributes:
        sequence: Rises with every chunk.
        snapshot: What it was computed from.
        actions: float32 [K, n], absolute targets.
        inference_s: Wall time of preprocessing and model.
    """

    sequence: int
    snapshot: Snapshot
    actions: NDArray[np.float32]
    inference_s: float


class SourceWatch:
    """Tells once when cameras fall silent and once when all are back.

    Silent arms are told of by the gate, which holds for the same reason; here they are a debug
    message, so that an operator reads one sentence, not two.
    """

    def __init__(self, buffer: ObservationBuffer, log: Log) -> None:
        self._buffer = buffer
        self._log = log
        self._stale: tuple[str, ...] = ()
        self._cameras = False
        self._repeats, self._told = Repeats(_SLOW), True
        self._settled_s = float("-inf")

    def start(self, now_s: float) -> None:
        """Sources that are not heard yet are told of only after a while from now."""
        self._stale = ()
        self._settled_s = now_s + _SETTLE_S

    def poll(self, now_s: float) -> bool:
        """Whether every source is fresh."""
        try:
            self._buffer.check(now_s)
        except StaleObservation as problem:
            if now_s < self._settled_s:
                return False
            if not set(problem.sources) <= set(self._stale):
                self._tell(problem, now_s)
            self._stale, self._cameras = problem.sources, problem.cameras
            return False
        if self._stale:
            names = ", ".join(self._stale)
            what = "camera" if self._cameras else "arm"
            told = self._cameras and self._told
            self._log("info" if told else "debug", f"{names} {what}: fresh again")
            self._stale = ()
        self._settled_s = float("-inf")
        return True

    def _tell(self, problem: StaleObservation, now_s: float) -> None:
        text, kind = f"no chunks sent: {problem}", " ".join(problem.sources)
        line = self._repeats.line(kind, text, now_s) if problem.cameras else None
        self._told = line == text
        self._log("debug" if line is None else "error", line or text)


class InferenceLoop:
    """Runs the model on its own thread, each time on the newest observation.

    An inference starts when the newest frames are `replan_s` younger than those of the last one;
    if that one took longer, as soon as it has ended. Actions that are not finite are not sent: that
    is told once, and the loop goes on with the next observation, as one bad frame need not end a
    run; meanwhile the gate holds when the last good chunk has run out.
    """

    def __init__(
        self,
        buffer: ObservationBuffer,
        infer: Callable[[Snapshot], NDArray[np.float32]],
        send: Callable[[Inference], None],
        now_s: Callable[[], float],
        replan_s: float,
        log: Log,
    ) -> None:
        self._buffer = buffer
        self._infer = infer
        self._send = send
        self._now_s = now_s
        self._replan_s = replan_s
        self._log = log
        self._wake = threading.Event()
        self._sending = threading.Lock()
        self._thread: threading.Thread | None = None
        self._running = False
        self._last_stamp_s: float | None = None
        self._sequence = 0
        self._trouble: str | None = None

    def start(self) -> None:
        """Starts the thread; sequence numbers go on where they were."""
        self._running = True
        self._last_stamp_s, self._trouble = None, None
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self._thread.start()
        self.frames_came()

    def stop(self) -> None:
        """Nothing is sent after this has returned, even if an inference is still running."""
        with self._sending:
            self._running = False
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_JOIN_S)
            self._thread = None

    def frames_came(self) -> None:
        """To be called for every frame; wakes the thread when it is time."""
        if self._is_due():
            self._wake.set()

    def _is_due(self) -> bool:
        newest_s = self._buffer.frames_stamp_s
        if newest_s is None:
            return False
        if self._last_stamp_s is None or newest_s < self._last_stamp_s:
            return True
        return newest_s - self._last_stamp_s >= self._replan_s - _STAMP_TOLERANCE_S

    def _run(self) -> None:
        while self._running:
            self._wake.wait()
            self._wake.clear()
            while self._running and self._is_due() and self._infer_once():
                pass

    def _infer_once(self) -> bool:
        """Whether there was an observation to infer from."""
        try:
            snapshot = self._buffer.snapshot(self._now_s())
        except StaleObservation:
            return False  # SourceWatch tells
        except ValueError as error:
            self._report("image", f"a camera's image cannot be used: {error}")
            return False
        self._last_stamp_s = snapshot.stamp_s
        began_s = time.perf_counter()
        try:
            actions = self._infer(snapshot)
        except Exception as error:
            self._report("failed", f"no chunks sent: the model failed: {error!r}")
            self._log("debug", traceback.format_exc())
            return True
        inference_s = time.perf_counter() - began_s
        bad = ~np.isfinite(actions)
        if bad.any():
            step = int(np.argwhere(bad)[0][0])
            count = f"{int(bad.sum())} of {bad.size} values, first in step {step}"
            text = f"the model produced non-finite actions ({count}); not sent, holding"
            self._report("non_finite", text)
            return True
        self._recovered()
        with self._sending:
            if self._running:
                self._sequence += 1
                self._send(Inference(self._sequence, snapshot, actions, inference_s))
        return True

    def _report(self, kind: str, text: str) -> None:
        if kind != self._trouble:
            self._log("error", text)
        self._trouble = kind

    def _recovered(self) -> None:
        if self._trouble is not None:
            self._log("info", "the model's actions are usable again")
            self._trouble = None
