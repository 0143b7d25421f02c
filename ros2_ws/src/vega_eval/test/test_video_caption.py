"""Films say what they show: task, trial, time and outcome, at a size that can be read."""

import itertools

import av
import numpy as np
import pytest
from vega_eval.episode.episode_state_machine import (
    EpisodeOutcome,
    EpisodeScene,
    EpisodeStateMachine,
    Patience,
)
from vega_eval.episode.observer import _outcome, _title
from vega_eval.episode.video import EpisodeVideo

from vega_core.caption import Caption

TITLE = "close_laptop (easy, seed 3), trial 7: close the laptop"


def filmed(path, tile, outcome, cameras=3, size=(480, 640)):
    video = EpisodeVideo(path, 15, tile, wait=True, title=TITLE)
    for tick in range(4):
        video.add(20.0 + tick, [np.full((*size, 3), 90, np.uint8)] * cameras)
    video.close(outcome)
    with av.open(str(path)) as file:
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]


def letters(strip):
    """Height of what is written in the first line, pixels."""
    rows = np.flatnonzero((strip.max(axis=2) > 150).any(axis=1))
    gaps = np.flatnonzero(np.diff(rows) > 1)
    return (rows[gaps[0]] if len(gaps) else rows[-1]) - rows[0] + 1


@pytest.mark.parametrize(
    ("tile", "cameras", "size"),
    [((320, 240), 3, (480, 640)), ((320, 240), 1, (480, 640)), ((64, 48), 3, (48, 64))],
)
def test_the_caption_stands_below_the_images_and_can_be_read(tile, cameras, size, tmp_path):
    frames = filmed(tmp_path / "film.mp4", tile, "success", cameras, size)
    width, height = tile[0] * cameras, tile[1]
    picture = frames[0][1]
    assert picture.shape[1] == width
    assert picture.shape[0] % 2 == 0
    strip = picture[height:]
    assert letters(strip) >= 8
    assert np.abs(picture[:height].astype(int) - 90).max() < 30  # nothing is written over them


def test_the_time_runs_and_the_last_image_says_how_it_ended(tmp_path):
    frames = filmed(tmp_path / "film.mp4", (320, 240), "failure: not done within 30 s")
    assert [round(at, 2) for at, _ in frames] == [0.0, 1.0, 2.0, 3.0, 3.07, 4.5]
    strips = [picture[240:].astype(int) for _, picture in frames]
    assert all(np.abs(one - other).max() > 60 for one, other in itertools.pairwise(strips[:4]))
    ended = strips[-1]
    orange = (ended[..., 0] - ended[..., 2] > 60).sum()
    assert orange > 100
    assert not (strips[3][..., 0] - strips[3][..., 2] > 60).any()


def test_what_does_not_fit_is_cut_and_any_letters_are_drawn():
    caption = Caption(320, "Schließe den Laptop, " * 20)
    strip = caption.strip(3.0, "aborted: " + "the gate holds " * 20)
    assert strip.shape == (caption.height, 320, 3)
    assert (strip[:, -3:] == strip[0, 0]).all()


def test_a_film_names_the_trial_and_no_policy():
    assert _title(EpisodeScene("close_laptop", "easy", 3), "trial 7") == TITLE
    assert _title(EpisodeScene("close_laptop"), "") == "close_laptop: close the laptop"
    assert (
        _title(EpisodeScene("no_task_of_this_cell"), "trial 1") == "no_task_of_this_cell, trial 1"
    )
    episode = EpisodeStateMachine(EpisodeScene("close_laptop"), 9.0, Patience(), 0.0)
    assert _outcome(episode) == "cut off"
    episode.outcome, episode.reason = EpisodeOutcome.FAILURE, "too late"
    assert _outcome(episode) == "failure: too late"
