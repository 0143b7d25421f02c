"""How a camera does, for /diagnostics."""

from __future__ import annotations

from collections import deque

from vega_runtime.diagnostics import ERROR, OK, WARN, RateMeter

from vega_cameras.camera import Camera

_WINDOW = 100
_UNRESPONSIVE_S = 10.0
_LEAST_RATE = 0.9  # of what is asked for
_OUTDATED_S = 1.0


class Health:
    """Measured rate and ages of one camera, and its state for people."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._meter = RateMeter(_WINDOW)
        self._ages_s: deque[float] = deque(maxlen=_WINDOW)
        self._newest_s = float("-inf")
        self._lost_before = 0

    def published(self, now_s: float, age_s: float) -> None:
        """Notes a frame that was published.

        Args:
            now_s: Monotonic time.
            age_s: From its capture until now.
        """
        if now_s - self._newest_s > _OUTDATED_S:
            self._meter = RateMeter(_WINDOW)
            self._ages_s.clear()
        self._newest_s = now_s
        self._meter.add(now_s)
        self._ages_s.append(age_s)

    def report(
        self, now_s: float, active: bool, superseded: int
    ) -> tuple[bytes, str, dict[str, object]]:
        """Level, sentence and values."""
        camera = self._camera
        flowing = now_s - self._newest_s <= _OUTDATED_S
        rate_hz = self._meter.hz if flowing else 0.0
        values: dict[str, object] = {"state": camera.state, "rate_hz": rate_hz}
        if self._ages_s and flowing:
            ages_s = sorted(self._ages_s)
            values["age_ms_median"] = 1e3 * ages_s[len(ages_s) // 2]
            values["age_ms_p95"] = 1e3 * ages_s[int(0.95 * len(ages_s))]
        values.update(vars(camera.counters), superseded=superseded)
        values.update(stamps=camera.stamper.source, stamp_jumps=camera.stamper.jumps)
        if camera.identity is not None:
            values.update(vars(camera.identity))
        level, text = self._judge(rate_hz, active)
        self._lost_before = camera.counters.lost
        return level, text, values

    def _judge(self, rate_hz: float, active: bool) -> tuple[bytes, str]:
        camera = self._camera
        asked_hz = camera.config.fps
        lost = camera.counters.lost - self._lost_before
        if camera.state in ("starting", "streaming") and camera.unresponsive_s > _UNRESPONSIVE_S:
            return ERROR, f"the SDK has not come back for {camera.unresponsive_s:.0f} s"
        if camera.state == "down":
            return ERROR, camera.trouble
        if camera.state != "streaming" or not active:
            return OK, camera.state
        if camera.stamper.trouble:
            return WARN, camera.stamper.trouble
        if camera.identity and camera.identity.usb and not camera.identity.usb.startswith("3"):
            return WARN, f"connected by USB {camera.identity.usb}"
        if camera.uniform:
            return WARN, "the image has one colour everywhere; is the lens covered?"
        if rate_hz < _LEAST_RATE * asked_hz:
            return WARN, f"{rate_hz:.1f} frames a second of {asked_hz}"
        if lost > 0:
            return WARN, f"{lost} frames were lost since the last report"
        return OK, "streaming"
