"""How long a process was ready to run and waited for a CPU, as Linux counts it (`/proc/PID/schedstat`)."""

import os


class RunDelay:
    """The waiting time of the first thread of a process; 0 on systems that do not count it."""

    def __init__(self, pid: int) -> None:
        try:
            self._file = os.open(f"/proc/{pid}/schedstat", os.O_RDONLY)
        except OSError:
            self._file = -1

    def __del__(self) -> None:
        if self._file >= 0:
            os.close(self._file)

    def seconds(self) -> float:
        """Return the seconds since the process began."""
        try:
            return int(os.pread(self._file, 64, 0).split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            return 0.0
