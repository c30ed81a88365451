"""How long a GUI thread stays away from its events."""

from __future__ import annotations

import time

import numpy as np

INTERVAL_MS = 5


class Heartbeat:
    """A timer that should tick every 5 ms, from its making until `stop`.

    A gap is counted in wall time, which other processes on the same cores lengthen, and in the
    thread's own processor time, which they hardly do.
    """

    def __init__(self) -> None:
        from PySide6 import QtCore

        self._wall: list[float] = []
        self._own: list[float] = []
        self._last = time.perf_counter(), time.thread_time()
        self._timer = QtCore.QTimer()
        self._timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def stop(self) -> dict[str, float]:
        """Return the longest gap and the 99th percentile, ms."""
        self._tick()
        self._timer.stop()
        wall, own = 1000 * np.array(self._wall), 1000 * np.array(self._own)
        return {
            "longest_stall_ms": round(float(wall.max()), 1),
            "longest_stall_cpu_ms": round(float(own.max()), 1),
            "p99_ms": round(float(np.percentile(wall, 99)), 1),
        }

    def _tick(self) -> None:
        now = time.perf_counter(), time.thread_time()
        self._wall.append(now[0] - self._last[0])
        self._own.append(now[1] - self._last[1])
        self._last = now
