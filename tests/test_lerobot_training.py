"""From a recorded episode to a checkpoint: exported by teleop, read by vega_policy."""

import av
import numpy as np
import pyarrow.parquet as pq
import torch

import hw_config
from teleop.export.__main__ import main as export
from teleop.tests.episodes import COLOURS, make_episode, open_store
from vega_policy import train
from vega_policy.data.lerobot import LeRobotSource
from vega_policy.images import lanczos_resize, squash
from vega_policy.tests.synthetic import SMALL
from vega_policy.vega_contract import VegaContract

EXPORT = ("--format", "lerobot", "--include", "unjudged", "failure", "--workers", "1")


def test_what_was_recorded_is_what_is_trained_on(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    recorded, dataset, run = (tmp_path / name for name in ("recorded", "dataset", "run"))
    with open_store(recorded) as store:
        make_episode(store, 1.2)
        make_episode(store, 1.0, phase=0.7, outcome="failure")
        make_episode(store, 1.0, phase=1.4, outcome="unjudged")
    assert export([str(recorded), *EXPORT, "--out", str(dataset)]) == 0

    source = LeRobotSource(dataset, 256, [].append)
    episodes = source.episodes()
    assert [episode.success for episode in episodes] == [True, False, True]
    assert {(e.task, e.instruction) for e in episodes} == {("close_laptop", "close laptop")}
    rows = pq.read_table(dataset / "data/chunk-000/file-000.parquet").to_pydict()
    np.testing.assert_array_equal(
        np.concatenate([e.state for e in episodes]), np.float32(rows["observation.state"])
    )
    for camera, first, images in source.views(episodes[2]):
        colour = list(COLOURS.values())[camera]
        assert np.abs(images[:, 60, 128].astype(int) - colour).max() <= 6
        if first == 0:
            key = list(hw_config.load().cameras.values())[camera].dataset_key
            with av.open(
                str(dataset / f"videos/observation.images.{key}/chunk-000/file-000.mp4")
            ) as video:
                decoded = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
            start = sum(len(e.state) for e in episodes[:2])
            expected = squash(torch.from_numpy(np.stack(decoded[start : start + len(images)])), 256)
            assert np.array_equal(images, expected)

    arguments = ["--recipe", "twin_oft", "--dataset", str(dataset), "--out", str(run)]
    assert train.main([*arguments, *SMALL, "training.steps=2"]) == 0
    contract = VegaContract.load(run / "checkpoint")
    contract.check_against(hw_config.load())
    assert contract.tasks == {"close_laptop": "close laptop"}
    kept = episodes[0].state.astype(np.float64)  # the other success is held out
    statistics = contract.normalization.proprio
    np.testing.assert_allclose(statistics.mean, kept.mean(axis=0), atol=1e-6)
    cached = np.load(next(dataset.glob(".cache/*/views.npy")))
    first = next(images for camera, start, images in source.views(episodes[0]) if start == 0)
    expected = lanczos_resize(torch.from_numpy(first), 28)
    assert np.array_equal(cached[: len(first), 0], expected)
