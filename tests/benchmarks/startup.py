"""How long the library and the command line take to start, in fresh processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

STARTS = {
    "python -c pass": ["-c", "pass"],
    "import cellmend": ["-c", "import cellmend"],
    "cellmend --help": ["-m", "cellmend.cli", "--help"],
}
REPEATS = 7


def seconds(arguments: list[str]) -> float:
    """Return the median wall time of a fresh interpreter."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


if __name__ == "__main__":
    for name, arguments in STARTS.items():
        print(f"{name:20s} {seconds(arguments):.3f} s")
