"""Between inferences and ROS messages."""

from __future__ import annotations

import array
from collections.abc import Mapping, Sequence

import numpy as np
from vega_msgs.msg import ActionChunk, InferenceReport
from vega_runtime.stamps import from_seconds

from vega_inference.loop import Inference


def chunk_message(
    inference: Inference, names: Sequence[str], dt_s: float, max_age_s: float
) -> ActionChunk:
    """The chunk, stamped with its observation; not to be started after `max_age_s`."""
    observed_s = inference.snapshot.stamp_s
    values = np.ascontiguousarray(inference.actions, np.float64)
    message = ActionChunk(
        sequence=inference.sequence,
        deadline=from_seconds(observed_s + max_age_s),
        names=list(names),
        dt=dt_s,
        steps=len(values),
        positions=array.array("d", values.tobytes()),
    )
    message.header.stamp = from_seconds(observed_s)
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
    message.header.stamp = from_seconds(observed_s)
    return message
