"""Rerun as the sink of the live view: to a browser, a window or a file, on this machine only.

Rerun is an optional dependency and large (170 MB); it is imported when a view is opened. Its own
servers listen on all interfaces unless they are told otherwise, and Rerun's program reports its use
over the network; here it is run bound to 127.0.0.1 and with reporting turned off.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from vega_teleop.view import ROLES

HERE = "127.0.0.1"
_TIME = "ros_time"
_APPLICATION = "vega_teleop"
_WINDOW_S = 15.0  # of the joint tracks
_SERVER_MEMORY = "300MiB"  # what somebody who connects late still gets
_STARTS_WITHIN_S = 20.0
# One colour a joint; the leader's is lighter, and drawn thin over the follower's.
_COLOURS = (
    (31, 119, 180),
    (214, 109, 20),
    (44, 140, 44),
    (200, 40, 45),
    (130, 90, 170),
    (120, 75, 65),
)
_GRIPPERS = {"left": (31, 119, 180), "right": (214, 109, 20)}
_Colour = tuple[int, int, int]


class ViewError(ValueError):
    """The live view cannot be opened; the text says why and what to do."""


class RerunSink:
    """The live view in Rerun."""

    def __init__(
        self,
        to: str,
        cameras: Sequence[str],
        arms: Sequence[str],
        port: int = 9876,
        web_port: int = 9878,
    ) -> None:
        """Opens it.

        Args:
            to: `serve` (for a browser), `window`, or a file that ends in .rrd.
            cameras: their names, from left to right as they are shown.
            arms: their names.
            port: of Rerun's data, on 127.0.0.1.
            web_port: of the page, with `serve`.

        Raises:
            ViewError: Rerun is not installed or does not start, or `to` is none of these.
        """
        self._rerun = _import_rerun()
        self._viewer: _Viewer | None = None
        self._recording = self._rerun.RecordingStream(_APPLICATION, recording_id=uuid.uuid4())
        layout = blueprint(cameras, arms)
        if to.endswith(".rrd"):
            self._save(Path(to), layout)
            self.where = f"written to {to}; open it with `rerun {to}`"
        elif to in ("serve", "window"):
            self._viewer = _Viewer(to, port, web_port)
            self._recording.connect_grpc(_address(port), default_blueprint=layout)
            self.where = self._viewer.where
        else:
            raise ViewError(
                f"a view goes to `serve`, `window` or a file that ends in .rrd, got {to!r}"
            )
        self._name_tracks(arms)

    def image(self, camera: str, stamp_ns: int, jpeg: bytes) -> None:
        """Shows an image."""
        image = self._rerun.EncodedImage(contents=jpeg, media_type="image/jpeg")
        self._log(f"cameras/{camera}", stamp_ns, image)

    def joints(
        self, arm: str, role: str, stamps_ns: NDArray[np.int64], positions: NDArray[np.float64]
    ) -> None:
        """Goes on with a track."""
        times = self._rerun.TimeColumn(_TIME, timestamp=stamps_ns.astype("datetime64[ns]"))
        for name, values in (("joints", positions[:, :-1]), ("gripper", positions[:, -1:])):
            columns = self._rerun.Scalars.columns(scalars=values.ravel())
            if values.shape[1] > 1:
                columns = columns.partition([values.shape[1]] * len(values))
            self._recording.send_columns(f"{name}/{arm}/{role}", [times], columns)

    def take(self, stamp_ns: int, markdown: str) -> None:
        """Shows how the session stands."""
        document = self._rerun.TextDocument(markdown, media_type="text/markdown")
        self._log("take", stamp_ns, document)

    def event(self, stamp_ns: int, text: str, loud: bool) -> None:
        """Adds a line to what happened."""
        level = self._rerun.TextLogLevel.WARN if loud else self._rerun.TextLogLevel.INFO
        self._log("events", stamp_ns, self._rerun.TextLog(text, level=level))

    def coverage(self, stamp_ns: int, png: bytes) -> None:
        """Shows what the placements so far cover."""
        image = self._rerun.EncodedImage(contents=png, media_type="image/png")
        self._log("coverage", stamp_ns, image)

    def close(self) -> None:
        """Ends the view; a file is complete then."""
        self._recording.disconnect()
        if self._viewer is not None:
            self._viewer.close()

    def _log(self, entity: str, stamp_ns: int, what: Any) -> None:
        self._recording.set_time(_TIME, timestamp=np.datetime64(stamp_ns, "ns"))
        self._recording.log(entity, what)

    def _save(self, file: Path, layout: Any) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        except OSError as error:
            raise ViewError(f"the view cannot be written to {file}: {error.strerror}") from None
        self._recording.save(file, default_blueprint=layout)

    def _name_tracks(self, arms: Sequence[str]) -> None:
        for arm in arms:
            for role in ROLES:
                joints = [f"{arm} joint {n} {role}" for n in range(1, 7)]
                self._style(f"joints/{arm}/{role}", joints, list(_COLOURS), role)
                colour = _GRIPPERS.get(arm, _COLOURS[2])
                self._style(f"gripper/{arm}/{role}", [f"{arm} {role}"], [colour], role)

    def _style(self, entity: str, names: list[str], colours: list[_Colour], role: str) -> None:
        leads = role == "leader"
        lines = self._rerun.SeriesLines(
            names=names,
            colors=[_lighter(colour) for colour in colours] if leads else colours,
            widths=[1.0 if leads else 3.0] * len(names),
        )
        self._recording.log(entity, lines, static=True)


def blueprint(cameras: Sequence[str], arms: Sequence[str]) -> Any:
    """The layout: cameras above, tracks in the middle, the session below."""
    import rerun.blueprint as layout

    recent = layout.VisibleTimeRange(
        _TIME,
        start=layout.TimeRangeBoundary.cursor_relative(seconds=-_WINDOW_S),
        end=layout.TimeRangeBoundary.cursor_relative(seconds=0.0),
    )

    def track(name: str, origin: str) -> Any:
        return layout.TimeSeriesView(
            name=name,
            origin=origin,
            time_ranges=[recent],
            plot_legend=layout.PlotLegend(visible=False),
        )

    images = [
        layout.Spatial2DView(name=name.replace("_", " "), origin=f"cameras/{name}")
        for name in cameras
    ]
    tracks = [track(f"{arm} arm (rad), leader lighter", f"joints/{arm}") for arm in arms]
    session = [
        layout.TextDocumentView(name="session", origin="take"),
        layout.Spatial2DView(name="placements so far", origin="coverage"),
        layout.TextLogView(
            name="events",
            origin="events",
            columns=layout.TextLogColumns(
                timeline_columns=[], text_log_columns=["LogLevel", "Body"]
            ),
        ),
    ]
    return layout.Blueprint(
        layout.Vertical(
            layout.Horizontal(*images),
            layout.Horizontal(*tracks, track("grippers (m)", "gripper")),
            layout.Horizontal(*session, column_shares=[3, 4, 3]),
            row_shares=[5, 3, 4],
        ),
        layout.BlueprintPanel(state="hidden"),
        layout.SelectionPanel(state="hidden"),
        layout.TimePanel(state="collapsed", timeline=_TIME, play_state="following"),
    )


class _Viewer:
    """Rerun's own program, bound to this machine, that ends with us."""

    def __init__(self, to: str, port: int, web_port: int) -> None:
        if to == "window" and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
            raise ViewError(
                "there is no display for a window; use `serve` and open the page in a browser, or "
                "write a file that ends in .rrd"
            )
        program = _program()
        arguments = [f"--bind={HERE}", f"--port={port}", f"--server-memory-limit={_SERVER_MEMORY}"]
        ports = [port]
        if to == "serve":
            arguments += ["--serve-web", f"--web-viewer-port={web_port}", "--newest-first"]
            ports.append(web_port)
            page = f"http://{HERE}:{web_port}/?url={quote(_address(port), safe='')}"
            self.where = f"open {page} in a browser on this machine"
        else:
            arguments += ["--expect-data-soon", "--hide-welcome-screen"]
            self.where = "in its window"
        for number in ports:
            _require_free(number)
        self._settings = tempfile.TemporaryDirectory(prefix="vega_view_")
        environment = {**os.environ, "XDG_CONFIG_HOME": self._settings.name}
        subprocess.run(
            [program, "analytics", "disable"], env=environment, check=False, capture_output=True
        )
        self._process = subprocess.Popen(
            [*_tied_to_us(), program, *arguments],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._wait_for(ports)
        except ViewError:
            self.close()
            raise

    def close(self) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(3.0)
        self._process.kill()
        self._process.wait()
        self._settings.cleanup()

    def _wait_for(self, ports: Sequence[int]) -> None:
        deadline = time.monotonic() + _STARTS_WITHIN_S
        waiting = list(ports)
        while waiting:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ViewError(
                    "Rerun's program did not start; try it alone with `rerun --version`"
                )
            with contextlib.suppress(OSError):
                socket.create_connection((HERE, waiting[0]), timeout=0.5).close()
                waiting.pop(0)
                continue
            time.sleep(0.05)


def _import_rerun() -> ModuleType:
    try:
        import rerun
    except ImportError:
        raise ViewError(
            "the live view needs Rerun, which is not installed (170 MB): "
            "`pip install 'rerun-sdk>=0.41,<0.42'`, or go on without a view"
        ) from None
    return rerun


def _program() -> str:
    import rerun_cli

    return str(Path(rerun_cli.__path__[0]) / "rerun")


def _tied_to_us() -> list[str]:
    """What makes the kernel end a program when this process ends, however it ends."""
    tool = shutil.which("setpriv")
    return [tool, "--pdeathsig", "TERM", "--"] if tool else []


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HERE, port))
        except OSError:
            raise ViewError(
                f"port {port} is taken, by another view perhaps; close that, or give this one "
                "other ports"
            ) from None


def _address(port: int) -> str:
    return f"rerun+http://{HERE}:{port}/proxy"


def _lighter(colour: _Colour) -> _Colour:
    red, green, blue = ((part + 2 * 255) // 3 for part in colour)
    return red, green, blue
