"""Videos of a dataset: H.264 in MP4, one stream a file, every second frame a key frame.

A reader that wants a single step decodes two frames at most, which is how the public library
writes its own. Images of several demonstrations follow one another in a file without being
encoded again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.reformatter import ColorRange, Colorspace

from teleop.export.demonstration import Demonstration, Image, Layout, StepImage
from teleop.export.images import FrameMaker, converted
from teleop.export.statistics import ColourCounts, chosen_images

CODEC = "libx264"
# Constant quality 18 keeps flat colours within a few levels. With so many key frames a slower
# preset makes smaller files of lower quality. No frame refers to a later one, so that frames
# leave in the order in which they are shown and files can be joined.
_OPTIONS = {"preset": "ultrafast", "crf": "18", "g": "2", "bf": "0", "tune": "fastdecode"}
_BT601 = 6  # SMPTE 170M, of colour primaries, transfer and matrix alike
_TICKS = 512


def description(layout: Layout) -> dict[str, Any]:
    """What info.json says of each video."""
    return {
        "video.height": layout.height,
        "video.width": layout.width,
        "video.codec": "h264",
        "video.pix_fmt": "yuv420p",
        "video.fps": layout.fps,
        "video.channels": 3,
        "video.g": int(_OPTIONS["g"]),
        "video.crf": int(_OPTIONS["crf"]),
        "video.preset": _OPTIONS["preset"],
        "has_audio": False,
        "is_depth_map": False,
    }


class _Encoder:
    """Writes the video of one camera, a frame a step."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self._maker = FrameMaker(layout.height, layout.width)
        self._base = Fraction(1, layout.fps)
        options = _container_options(layout.fps)
        self._container = av.open(str(path), "w", format="mp4", options=options)
        stream: Any = self._container.add_stream(CODEC, rate=layout.fps, options=dict(_OPTIONS))
        stream.width, stream.height, stream.pix_fmt = layout.width, layout.height, "yuv420p"
        context = stream.codec_context
        context.time_base = self._base
        context.thread_count = 1
        context.color_range = ColorRange.MPEG
        context.colorspace = Colorspace.ITU601
        context.color_primaries = context.color_trc = _BT601
        self._stream = stream

    def frame(self, image: Image) -> av.VideoFrame:
        return self._maker.frame(image)

    def write(self, step: int, frame: av.VideoFrame) -> None:
        frame.pts, frame.time_base = step, self._base
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        self._container.mux(self._stream.encode(None))

    def close(self) -> None:
        self._container.close()


def encode(
    paths: Mapping[str, Path], layout: Layout, demonstration: Demonstration
) -> dict[str, ColourCounts]:
    """Writes the videos of all cameras in one pass over the images.

    Args:
        paths: A new file for each camera.
        layout: What all demonstrations share.
        demonstration: Whose images.

    Returns:
        The colours of some of each camera's images.

    Raises:
        ExportError: An image is damaged or of another size; it says which.
        OSError: It cannot be written.
    """
    colours = {camera: ColourCounts() for camera in paths}
    counted = chosen_images(demonstration.steps)
    with ExitStack() as stack:
        encoders = {
            camera: stack.enter_context(closing(_Encoder(path, layout)))
            for camera, path in paths.items()
        }

        def frame_of(each: StepImage) -> av.VideoFrame:
            if each.step in counted:
                colours[each.camera].add(each.image)
            return encoders[each.camera].frame(each.image)

        for camera, step, frame in converted(demonstration, frame_of):
            encoders[camera].write(step, frame)
        for encoder in encoders.values():
            encoder.finish()
    return colours


def _container_options(fps: int) -> dict[str, str]:
    return {"video_track_timescale": str(fps * _TICKS)}


class JoinedVideo:
    """A file to which whole videos of the same encoder are appended."""

    def __init__(self, path: Path, fps: int) -> None:
        self._output = av.open(str(path), "w", format="mp4", options=_container_options(fps))
        self._fps = fps
        self._stream: Any = None
        self._extradata: bytes | None = None
        self.images = 0
        self.bytes = 0

    def takes(self, path: Path) -> bool:
        """Whether this video can follow: its parameter sets must be those of the first."""
        if self._stream is None:
            return True
        with av.open(str(path)) as video:
            return video.streams.video[0].codec_context.extradata == self._extradata

    def append(self, path: Path) -> None:
        """Copies the frames of a video to the end."""
        with av.open(str(path)) as video:
            source = video.streams.video[0]
            if self._stream is None:
                self._stream = self._output.add_stream_from_template(source)
                self._stream.time_base = Fraction(1, self._fps * _TICKS)
                self._extradata = source.codec_context.extradata
            tick = Fraction(1, self._fps * _TICKS)
            for packet in video.demux(source):
                if packet.pts is None:
                    continue
                at = self.images * _TICKS
                packet.stream = self._stream
                packet.time_base = tick
                packet.pts = packet.dts = at
                packet.duration = _TICKS
                self._output.mux(packet)
                self.images += 1
        self.bytes += path.stat().st_size

    def close(self) -> None:
        self._output.close()


def decode(path: Path) -> Iterator[av.VideoFrame]:
    """The frames of a video in their order."""
    with av.open(str(path)) as container:
        yield from container.decode(video=0)
