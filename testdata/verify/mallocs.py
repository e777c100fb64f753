"""Calls mallocs.c: with the GIL, without it, or with it while tracemalloc traces; then allocates from Python.

    python mallocs.py PyDLL|CDLL|tracemalloc LIBRARY
"""

import ctypes
import sys
import tracemalloc

way, library = sys.argv[1:]
if way == "tracemalloc":
    tracemalloc.start()
loader = ctypes.CDLL if way == "CDLL" else ctypes.PyDLL
loader(library).mallocs(300_000)
tracemalloc.stop()
# Enough of Python's own that the number of stacks compared is written down once more.
blocks = [bytes(number) for number in range(50_000)]
