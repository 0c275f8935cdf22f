"""Peak of the private memory of a process and its children, watched from outside.

Private (anonymous) memory is what a process has allocated. The pages of a memory map
are none of it: they belong to the cache of the kernel, which takes them back when
memory is short. Linux with glibc only.
"""

import ctypes
import os
import select
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

_SECONDS = 0.005


class PeakMemory:
    """Peak of the private memory of a block of code, beyond what there was before.

    Attributes
    ----------
    bytes : int
        Known at the end of the block.
    """

    def __enter__(self):
        # What is free already would be used first, and be missed.
        ctypes.CDLL(None).malloc_trim(0)
        self._before = private_bytes(os.getpid())
        self._watcher = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.memory", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._watcher.stdout.readline()
        return self

    def __exit__(self, *exception):
        output, _ = self._watcher.communicate()
        self.bytes = int(output) - self._before


def private_bytes(process):
    """Return the private memory of a process in bytes, 0 if it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return 1024 * int(line.split()[1])
    return 0


def family(process):
    """Return a process and all below it, but for this one."""
    found = [process]
    for parent in found:
        with suppress(OSError):
            for children in Path(f"/proc/{parent}/task").glob("*/children"):
                found += map(int, children.read_text().split())
    return [one for one in found if one != os.getpid()]


def watch(process):
    """Print the peak of a process and its children once the input has ended."""
    peak = 0
    print("watching", flush=True)
    while not select.select([sys.stdin], [], [], _SECONDS)[0]:
        peak = max(peak, sum(map(private_bytes, family(process))))
    print(peak)


if __name__ == "__main__":
    watch(int(sys.argv[1]))
