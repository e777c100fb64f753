"""Daemon threads are in C when Python ends, and go on there, while their thread states are freed and reused."""

import ctypes
import sys
import threading
import time

library = ctypes.CDLL(sys.argv[1])


def below(depth, allocate):
    if depth:
        below(depth - 1, allocate)
    else:
        allocate()


class AtTheEnd:
    def __del__(self):
        library.reuse_memory()
        time.sleep(0.05)


for allocate in (library.allocate_for_ever, library.allocate_raw_for_ever):
    for depth in range(0, 30, 10):
        threading.Thread(target=below, args=(depth, allocate), daemon=True).start()
time.sleep(0.1)
# Python clears its modules after it has freed the thread states.
sys.modules["at_the_end"] = AtTheEnd()
print("the end")
