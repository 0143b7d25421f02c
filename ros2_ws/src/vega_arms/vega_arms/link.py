"""The thread that listens to a bus, and opens it again when its adapter was gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import can

from vega_arms.feedback_decoder import FeedbackDecoder
from vega_arms.sdk_port import SdkPort

_LISTEN_S = 0.02
_GATHER_S = 0.001
_REOPEN_S = 0.3


class Link:
    """Passes everything that comes in on to the decoder.

    Attributes:
        lost: Why the bus is closed now, and what to do; empty while it is open.
        losses: How often it was lost.
    """

    def __init__(
        self, port: SdkPort, decoder: FeedbackDecoder, on_back: Callable[[], object]
    ) -> None:
        self.port, self.decoder = port, decoder
        self.lost = ""
        self.losses = 0
        self._on_back = on_back
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{port.channel} listen")

    def start(self) -> None:
        """Begins to listen."""
        self._thread.start()

    def close(self) -> None:
        """Ends the thread and closes the bus."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)
        self.port.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            if self.lost:
                if not self._closing.wait(_REOPEN_S):
                    self._reopen()
                continue
            try:
                message = self._next()
            except (can.CanError, OSError, ValueError) as error:
                self._lose(error)
                continue
            if message is not None:
                self.decoder.take(message, time.monotonic())

    def _next(self) -> can.Message | None:
        message = self.port.receive(0.0)
        if message is None:
            # An arm's frames come one by one: to wake up for each costs more than to read it.
            time.sleep(_GATHER_S)
            message = self.port.receive(_LISTEN_S)
        return message

    def _lose(self, error: Exception) -> None:
        self.lost = f"{self.port.channel}: the CAN adapter is gone ({error}); plug it in again"
        self.losses += 1
        self.port.close()
        self.decoder.forget()

    def _reopen(self) -> None:
        try:
            self.port.open()
        except OSError as error:
            self.lost = str(error)
            return
        self.lost = ""
        self._on_back()
