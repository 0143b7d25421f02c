import av
import numpy as np
from vega_eval.episode.video import EpisodeVideo


def test_cameras_stand_side_by_side_in_ros_time(tmp_path):
    video = EpisodeVideo(tmp_path / "episode.mp4", fps=15)
    red, blue = np.zeros((480, 640, 3), np.uint8), np.zeros((480, 640, 3), np.uint8)
    red[..., 0], blue[..., 2] = 255, 255
    for time_s in (10.0, 10.5, 11.5):
        video.add(time_s, [red, None, blue])
    video.close()
    with av.open(str(tmp_path / "episode.mp4")) as file:
        assert file.streams.video[0].codec_context.name == "h264"
        frames = list(file.decode(video=0))
    assert [round(frame.time, 2) for frame in frames] == [0.0, 0.5, 1.5]
    picture = frames[-1].to_ndarray(format="rgb24")
    assert picture.shape == (240, 960, 3)
    centres = picture[120, [160, 480, 800]].astype(int)
    expected = np.array([[255, 0, 0], [0, 0, 0], [0, 0, 255]])
    assert np.abs(centres - expected).max() < 40


def test_an_episode_without_a_picture_leaves_no_file(tmp_path):
    EpisodeVideo(tmp_path / "episode.mp4", fps=15).close()
    assert not (tmp_path / "episode.mp4").exists()


def test_a_disk_that_is_full_ends_the_video_and_holds_nobody_up(tmp_path):
    (tmp_path / "episode.mp4").symlink_to("/dev/full")
    video = EpisodeVideo(tmp_path / "episode.mp4", fps=15)
    for time_s in range(50):  # more than may wait for an encoder
        video.add(float(time_s), [np.zeros((480, 640, 3), np.uint8)])
    video.close()
    assert "episode.mp4 is not complete: No space left on device" in video.problem
