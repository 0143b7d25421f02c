import queue
import threading

import numpy as np
import pytest
from vega_inference.loop import InferenceLoop, SourceWatch
from vega_inference.observation import ObservationBuffer

WAIT_S = 60.0


class Rig:
    """A loop over one camera and one arm, with a model that waits to be let go."""

    def __init__(self):
        self.buffer = ObservationBuffer(
            {"head": 30.0}, {"left": 1}, 0.2, 0.1, lambda frame: np.frombuffer(frame, np.uint8)
        )
        self.now_s = 10.0
        self.began = queue.Queue()
        self.go_on = threading.Semaphore(0)
        self.sent = queue.Queue()
        self.told = queue.Queue()
        self.actions = np.zeros((25, 1), np.float32)
        self.loop = InferenceLoop(
            self.buffer,
            self.infer,
            self.sent.put,
            lambda: self.now_s,
            replan_s=0.32,
            log=lambda level, text: self.told.put((level, text)),
        )
        self.watch = SourceWatch(self.buffer, lambda level, text: self.told.put((level, text)))

    def infer(self, snapshot):
        self.began.put(snapshot.stamp_s)
        assert self.go_on.acquire(timeout=WAIT_S)
        if isinstance(self.actions, Exception):
            raise self.actions
        return self.actions

    def frame(self, stamp_s):
        """A frame and a joint state; time is then that of the frame."""
        self.now_s = stamp_s
        self.buffer.add_state("left", stamp_s, [0.0])
        self.buffer.add_frame("head", stamp_s, b"")
        self.loop.frames_came()

    def inference(self):
        """Lets the model finish once; the stamp of what it saw."""
        stamp_s = self.began.get(timeout=WAIT_S)
        self.go_on.release()
        return stamp_s


@pytest.fixture
def rig():
    rig = Rig()
    yield rig
    rig.go_on.release(100)
    rig.loop.stop()


def test_inference_starts_with_the_first_frames_and_again_after_the_replan_time(rig):
    rig.loop.start()
    rig.frame(10.0)
    assert rig.inference() == 10.0
    assert rig.sent.get(timeout=WAIT_S).sequence == 1
    rig.frame(10.1)
    rig.frame(10.3)
    assert rig.began.empty()
    rig.frame(10.32)
    assert rig.inference() == 10.32
    assert rig.sent.get(timeout=WAIT_S).sequence == 2


def test_while_the_model_works_frames_are_replaced_by_newer_ones(rig):
    rig.loop.start()
    rig.frame(10.0)
    assert rig.began.get(timeout=WAIT_S) == 10.0
    for stamp_s in (10.2, 10.4, 10.6):
        rig.frame(stamp_s)
    rig.go_on.release()
    assert rig.inference() == 10.6
    assert rig.sent.get(timeout=WAIT_S).snapshot.stamp_s == 10.0
    assert rig.sent.get(timeout=WAIT_S).snapshot.stamp_s == 10.6


def test_nothing_is_sent_after_stop_even_if_the_model_was_at_work(rig):
    rig.loop.start()
    rig.frame(10.0)
    rig.began.get(timeout=WAIT_S)
    stopper = threading.Thread(target=rig.loop.stop)
    stopper.start()
    while rig.loop._running:
        stopper.join(0.001)
    rig.go_on.release()
    stopper.join(WAIT_S)
    assert rig.sent.empty()


def test_sequence_numbers_go_on_after_a_restart(rig):
    for stamp_s, sequence in ((10.0, 1), (10.01, 2)):
        rig.loop.start()
        rig.frame(stamp_s)
        rig.inference()
        assert rig.sent.get(timeout=WAIT_S).sequence == sequence
        rig.loop.stop()
        while not rig.began.empty():
            rig.began.get()


def test_non_finite_actions_are_told_once_and_not_sent(rig):
    rig.actions = np.zeros((25, 1), np.float32)
    rig.actions[3] = np.nan
    rig.loop.start()
    for k in range(3):
        rig.frame(10.0 + k)
        rig.inference()
    level, text = rig.told.get(timeout=WAIT_S)
    assert level == "error"
    assert text == (
        "the model produced non-finite actions (1 of 25 values, first in step 3); not sent, holding"
    )
    rig.frame(20.0)
    rig.began.get(timeout=WAIT_S)
    rig.actions = np.zeros((25, 1), np.float32)
    rig.go_on.release()
    assert rig.sent.get(timeout=WAIT_S).snapshot.stamp_s == 20.0
    assert rig.told.get(timeout=WAIT_S) == ("info", "the model's actions are usable again")
    assert rig.told.empty()


def test_a_failing_model_is_told_in_one_sentence(rig):
    rig.actions = RuntimeError("out of memory")
    rig.loop.start()
    rig.frame(10.0)
    rig.inference()
    level, text = rig.told.get(timeout=WAIT_S)
    assert level == "error"
    assert text == "no chunks sent: the model failed: RuntimeError('out of memory')"
    assert rig.told.get(timeout=WAIT_S)[0] == "debug"


def test_a_stale_camera_is_told_once_and_so_is_its_recovery(rig):
    rig.frame(10.0)
    assert rig.watch.poll(10.1 - 0.01)
    for now_s in (10.25, 10.3, 10.4):
        rig.buffer.add_state("left", now_s, [0.0])
        assert not rig.watch.poll(now_s)
    assert rig.told.get_nowait() == (
        "error",
        "no chunks sent: head camera: last frame is 0.25 s old (limit 0.2 s)",
    )
    rig.frame(10.5)
    assert rig.watch.poll(10.5)
    assert rig.told.get_nowait() == ("info", "head camera: fresh again")
    assert rig.told.empty()


def test_cameras_that_are_late_again_and_again_become_one_sentence_that_says_why(rig):
    for k in range(40):
        rig.frame(10.0 + 0.3 * k)
        rig.watch.poll(10.0 + 0.3 * k)
        rig.watch.poll(10.25 + 0.3 * k)
    told = [rig.told.get_nowait() for _ in range(rig.told.qsize())]
    lines = [text for level, text in told if level != "debug"]
    assert len(lines) < 12
    assert sum("this computer is too slow for its cameras" in text for text in lines) == 1


def test_a_camera_that_falls_silent_is_told_however_late_another_one_has_been():
    told = []
    buffer = ObservationBuffer(
        {"head": 30.0, "wrist": 30.0}, {}, 0.2, 0.1, lambda frame: np.frombuffer(frame, np.uint8)
    )
    watch = SourceWatch(buffer, lambda level, text: told.append((level, text)))
    for k in range(10):
        now_s = 10.0 + 0.3 * k
        for camera in ("head", "wrist"):
            buffer.add_frame(camera, now_s, b"")
        watch.poll(now_s)
        buffer.add_frame("wrist", now_s + 0.2, b"")
        watch.poll(now_s + 0.25)
    told.clear()
    buffer.add_frame("head", 13.1, b"")
    buffer.add_frame("wrist", 13.0, b"")
    watch.poll(13.1)
    buffer.add_frame("head", 13.2, b"")
    watch.poll(13.25)
    assert told[-1] == (
        "error",
        "no chunks sent: wrist camera: last frame is 0.25 s old (limit 0.2 s)",
    )


def test_sources_get_a_moment_to_be_heard_after_the_start(rig):
    rig.watch.start(10.0)
    assert not rig.watch.poll(10.9)
    assert rig.told.empty()
    assert not rig.watch.poll(11.0)
    assert rig.told.get_nowait() == ("error", "no chunks sent: head camera: no frame yet")


def test_silent_arms_are_left_to_the_gate_to_tell(rig):
    rig.frame(10.0)
    assert not rig.watch.poll(10.15)
    level, text = rig.told.get_nowait()
    assert level == "debug"
    assert "left arm" in text


def test_a_stale_observation_is_not_inferred_from(rig):
    rig.frame(10.0)
    rig.now_s = 11.0
    rig.loop.start()
    rig.loop.frames_came()
    rig.frame(11.1)
    assert rig.inference() == 11.1
