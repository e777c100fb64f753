"""Forks a child that allocates and frees, waits for it, and runs another Python as a subprocess."""

import os
import subprocess
import sys


def in_parent():
    return bytes(60 << 20)


def in_child():
    return bytes(50 << 20)


# What the first call of bytes makes for all others (in 3.10 a longer table of names) is not the block's.
bytes(1)
held = in_parent()
child = os.fork()
if child == 0:
    # The parent's block is freed here, too: it was never this process's.
    del held
    more = in_child()
    os._exit(7)
_, status = os.waitpid(child, 0)
print("child", os.waitstatus_to_exitcode(status), flush=True)
code = "block = bytes(20 << 20); print('subprocess', len(block))"
subprocess.run([sys.executable, "-c", code], check=True)
