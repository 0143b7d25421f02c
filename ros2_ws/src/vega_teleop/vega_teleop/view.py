"""The core of the live view: what is shown, how often, and from which messages. No ROS, no Rerun.

Everything is offered as it comes, which costs next to nothing; a thread of its own then takes the
newest image of each camera and a thinned track of each arm to the sink, a few times a second. The
recorder must not feel that somebody watches.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

import hw_config
from teleop import coverage
from teleop.dataset.cdr import header_stamp, read_joint_series
from teleop.dataset.store import read_infos
from teleop.recording.jpeg import encode, read_image
from teleop.session.state import SessionPhase, SessionState

ROLES = ("follower", "leader")
_TRACK_HZ = 50.0
_LONGEST_TRACK = 200  # joint states of an arm between two updates, at most
_LOUD = ("problem", "failed")
_SIGNS = {
    SessionPhase.WAITING: "WAITING",
    SessionPhase.READY: "READY",
    SessionPhase.RECORDING: "RECORDING",
    SessionPhase.PAUSED: "PAUSED",
    SessionPhase.SAVING: "SAVING",
    SessionPhase.FINISHED: "FINISHED",
}


class Sink(Protocol):
    """Where the view goes. Stamps are ROS time in ns."""

    def image(self, camera: str, stamp_ns: int, jpeg: bytes) -> None:
        """Shows an image."""

    def joints(
        self, arm: str, role: str, stamps_ns: NDArray[np.int64], positions: NDArray[np.float64]
    ) -> None:
        """Goes on with a track: [N] stamps, [N, 7] positions (rad; gripper m)."""

    def take(self, stamp_ns: int, markdown: str) -> None:
        """Shows how the session stands."""

    def event(self, stamp_ns: int, text: str, loud: bool) -> None:
        """Adds a line to what happened; loud: it needs attention."""

    def coverage(self, stamp_ns: int, png: bytes) -> None:
        """Shows what the placements so far cover."""

    def close(self) -> None:
        """Ends the view."""


@dataclass(frozen=True)
class _Session:
    """A session's state as it came."""

    stamp_ns: int
    task: str
    dataset: str
    state: SessionState


class View:
    """Takes what comes and shows some of it. `offer_*` may be called from any thread."""

    def __init__(self, sink: Sink, rate_hz: float = 10.0, jpeg_quality: int = 75) -> None:
        """Shows nothing by itself before `start`."""
        self._sink, self._period, self._quality = sink, 1.0 / rate_hz, jpeg_quality
        self._lock = threading.Lock()
        self._images: dict[str, bytes] = {}
        self._tracks: dict[tuple[str, str], _Track] = {}
        self._session: _Session | None = None
        self._events: deque[tuple[int, str, bool]] = deque(maxlen=_LONGEST_TRACK)
        self._covered: tuple[str, str, int, int] | None = None
        self._refused = ""
        self._now_ns = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="view", daemon=True)

    def offer_image(self, camera: str, data: bytes) -> None:
        """A serialised sensor_msgs/Image; only the newest one of a camera is kept."""
        self._images[camera] = data

    def offer_joints(self, arm: str, role: str, data: bytes) -> None:
        """A serialised sensor_msgs/JointState."""
        with self._lock:
            self._tracks.setdefault((arm, role), _Track()).add(data)

    def offer_session(self, stamp_ns: int, task: str, dataset: str, state: SessionState) -> None:
        """How the session stands."""
        with self._lock:
            self._session = _Session(stamp_ns, task, dataset, state)

    def offer_event(self, stamp_ns: int, kind: str, text: str) -> None:
        """An event of the session: its kind, and a sentence; shown with the next update."""
        self._events.append((stamp_ns, f"{kind}: {text}" if text else kind, kind in _LOUD))

    def start(self) -> None:
        """Shows what comes, from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Shows nothing more, and closes the sink."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()
        self._sink.close()

    def update(self) -> None:
        """Shows what came since the last update."""
        for camera in list(self._images):
            self._show(self._show_image, camera, self._images.pop(camera))
        with self._lock:
            tracks = {key: track.taken() for key, track in self._tracks.items()}
            session, self._session = self._session, None
        for (arm, role), messages in tracks.items():
            if messages:
                self._show(self._show_track, arm, role, messages)
        while self._events:
            self._sink.event(*self._events.popleft())
        if session is not None:
            self._now_ns = session.stamp_ns
            self._sink.take(session.stamp_ns, format_duration(session.task, session.state))
            self._show(self._show_coverage, session)

    def _run(self) -> None:
        while not self._ending.wait(self._period):
            self.update()

    def _show(self, how: Callable[..., None], *what: object) -> None:
        """Shows something, or once says why it cannot be shown."""
        try:
            how(*what)
        except (ValueError, OSError) as error:
            if str(error) != self._refused:
                self._refused = str(error)
                self._sink.event(self._now_ns, f"not shown: {error}", True)

    def _show_image(self, camera: str, data: bytes) -> None:
        image = read_image(data)
        self._now_ns = image.stamp_ns
        self._sink.image(camera, image.stamp_ns, encode(image, self._quality))

    def _show_track(self, arm: str, role: str, messages: Sequence[bytes]) -> None:
        series = read_joint_series("sensor_msgs/msg/JointState", messages)
        self._sink.joints(arm, role, series.stamps_ns, series.position)

    def _show_coverage(self, session: _Session) -> None:
        """Draws the coverage anew when an episode has come or gone."""
        now = (session.dataset, session.task, session.state.saved, session.state.episode)
        if now == self._covered or session.state.phase is SessionPhase.SAVING:
            return
        self._covered = now
        task = hw_config.load_task(session.task)
        if task.placement is not None:
            infos = read_infos(Path(session.dataset))
            self._sink.coverage(session.stamp_ns, coverage.drawing(infos, task))


class _Track:
    """Joint states of an arm since the last update, not nearer to each other than is shown."""

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque(maxlen=_LONGEST_TRACK)
        self._last_ns = -math.inf

    def add(self, data: bytes) -> None:
        stamp = header_stamp(data)
        # A clock that was set back starts a new track.
        if abs(stamp - self._last_ns) * _TRACK_HZ * 1e-9 >= 1.0 - 1e-6:
            self._messages.append(data)
            self._last_ns = stamp

    def taken(self) -> list[bytes]:
        messages = list(self._messages)
        self._messages.clear()
        return messages


def format_duration(task: str, state: SessionState) -> str:
    """How a session stands, as Markdown."""
    title = _SIGNS[state.phase]
    if state.phase in (SessionPhase.RECORDING, SessionPhase.PAUSED):
        title += f" {state.take_s:.1f} s"
    left = "" if math.isnan(state.left_s) else f", about {_minutes(state.left_s)} left"
    lines = [
        f"# {'PROBLEM, ' if state.problems else ''}{title}",
        f"**{state.saved} of {state.wanted}** {task}{left}; episode {state.episode}",
    ]
    lines += [state.text] if state.text else []
    lines += [f"**Place**: {state.placement}"] if state.placement else []
    lines += [f"- {problem}" for problem in state.problems]
    return "\n\n".join(lines)


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
