"""A daemon thread is in C when Python ends, and allocates there, before and after."""

import ctypes
import sys
import threading

library = ctypes.CDLL(sys.argv[1])
BEFORE, AFTER = ctypes.c_size_t(70_000_001), ctypes.c_size_t(90_000_001)


def allocate():
    library.allocate_before_and_after(BEFORE, AFTER)


threading.Thread(target=allocate, daemon=True, name="daemon").start()
library.wait_for_the_thread()
print("the end")
