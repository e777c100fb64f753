"""Starts thousands of threads that live for a moment: of threading's, of _thread's, and of C's. The argument is
testdata/c_threads.c as a library. Each allocates and frees, and every hundredth keeps a block. Prints
as JSON what they keep, and how large fil's spool has become.
"""

import _thread
import ctypes
import json
import os
import sys
import threading

library = ctypes.CDLL(sys.argv[1])
COUNT = 2_000
SIZE = 1_000
KEPT = COUNT // 100

kept = [[None] * KEPT, [None] * KEPT]
for_a_moment = [None]


def spool_directory():
    """What the file beside the recorder library names second."""
    folder = os.path.dirname(os.environ["LD_PRELOAD"].split(":")[0])
    with open(os.path.join(folder, "recording")) as recording:
        return recording.read().split(chr(0))[1]


def work(blocks, number):
    for_a_moment[0] = bytes(SIZE)
    if number % 100 == 0:
        keep(blocks, number // 100)


def keep(blocks, place):
    blocks[place] = bytes(SIZE)


def work_and_release(blocks, number, done):
    work(blocks, number)
    done.release()


def main():
    for number in range(COUNT):
        thread = threading.Thread(target=work, args=(kept[0], number), name="worker-%d" % number)
        thread.start()
        thread.join()
    for number in range(COUNT):
        done = _thread.allocate_lock()
        done.acquire()
        _thread.start_new_thread(work_and_release, (kept[1], number, done))
        done.acquire()
    library.many_threads(ctypes.c_int(COUNT), ctypes.c_int(100), ctypes.c_size_t(SIZE))

    # From here on it is the peak.
    ballast = bytearray(50_000_000)
    spools = os.scandir(spool_directory())
    print(json.dumps({
        "python_bytes": sum(sys.getsizeof(block) for blocks in kept for block in blocks),
        "c_bytes": KEPT * SIZE,
        "spool_bytes": sum(spool.stat().st_size for spool in spools),
    }))
    del ballast


main()
