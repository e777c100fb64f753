"""Allocates two blocks of known size, says so with its process id, and waits until it is killed."""

import os
import signal


def make_first():
    return bytes(100 << 20)


def make_second():
    return bytes(50 << 20)


first = make_first()
second = make_second()
print("ready", os.getpid(), flush=True)
while True:
    signal.pause()
