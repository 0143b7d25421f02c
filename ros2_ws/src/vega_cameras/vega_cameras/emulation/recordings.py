"""Files of the SDK's recorder in the place of cameras."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyrealsense2 as rs

from hw_config import CameraConfig
from vega_cameras.devices import CameraError, info
from vega_cameras.emulation.devices import Sockets

_SUFFIX = ".db3"


class RecordedDevices(Sockets):
    """Plays every recording of a folder; the file knows the serial number of its camera.

    A recording that has ended falls silent, and begins again when the camera is brought back.

    Raises:
        CameraError: There is no recording in the folder, or the SDK cannot read one.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._files = {str(file): "" for file in sorted(folder.glob(f"*{_SUFFIX}"))}
        if not self._files:
            raise CameraError(f"{folder}: expected recordings of cameras (*{_SUFFIX})", True)
        for file in self._files:
            self.insert(file, self._load(file))

    def reset(self, camera: CameraConfig) -> bool:
        for file, serial in self._files.items():
            if serial == camera.serial:
                self.remove(file)
                self.context.unload_device(file)
                self.insert(file, self._load(file))
                return True
        return False

    def _load(self, file: str) -> Callable[[rs.context], None]:
        def load(context: rs.context) -> None:
            try:
                device = context.load_device(file)
            except RuntimeError as error:
                raise CameraError(f"{file} cannot be played: {error}", True) from None
            self._files[file] = info(device, rs.camera_info.serial_number)

        return load
