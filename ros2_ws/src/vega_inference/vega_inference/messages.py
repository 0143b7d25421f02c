"""Between inferences and ROS messages."""

from __future__ import annotations

import array
from collections.abc import Mapping, Sequence

import numpy as np
from builtin_interfaces.msg import Time
from vega_msgs.msg import ActionChunk, InferenceReport

from vega_inference.loop import Inference

_NS = 1_000_000_000


def seconds(stamp: Time) -> float:
    """A stamp in seconds."""
    return float(stamp.sec + stamp.nanosec * 1e-9)


def _stamp(time_s: float) -> Time:
    sec, nanosec = divmod(round(time_s * _NS), _NS)
    return Time(sec=sec, nanosec=nanosec)


def chunk_message(
    inference: Inference, names: Sequence[str], dt_s: float, max_age_s: float
) -> ActionChunk:
    """The chunk, stamped with its observation; not to be started after `max_age_s`."""
    observed_s = inference.snapshot.stamp_s
    values = np.ascontiguousarray(inference.actions, np.float64)
    message = ActionChunk(
        sequence=inference.sequence,
        deadline=_stamp(observed_s + max_age_s),
        names=list(names),
        dt=dt_s,
        steps=len(values),
        positions=array.array("d", values.tobytes()),
    )
    message.header.stamp = _stamp(observed_s)
    return message


def report_message(
    inference: Inference, received: Mapping[str, int], dropped: Mapping[str, int], now_s: float
) -> InferenceReport:
    """What an inference cost, and the frames that came and were lost since activation."""
    observed_s = inference.snapshot.stamp_s
    message = InferenceReport(
        sequence=inference.sequence,
        observation_age_ms=inference.snapshot.age_s * 1e3,
        inference_ms=inference.inference_s * 1e3,
        latency_ms=(now_s - observed_s) * 1e3,
        cameras=list(received),
        frames_received=list(received.values()),
        frames_dropped=list(dropped.values()),
    )
    message.header.stamp = _stamp(observed_s)
    return message
