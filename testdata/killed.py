"""Allocates two blocks of known size, says so with its process id, and waits until it is killed."""

import os
import signal


# What the first call of bytes makes for all others (in 3.10 a longer table of names) is not the blocks'.
bytes(1)


def make_first():
    return bytes(100 << 20)


def make_second():
    return bytes(50 << 20)


first = make_first()
second = make_second()
print("ready", os.getpid(), flush=True)
while True:
    signal.pause()
