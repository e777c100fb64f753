"""Starts Pythons in namespaces of process ids: in each the first process is 1, and its child has the next id. All hold
what they have until the last one is there."""

import mmap
import os
import subprocess
import sys


FLAGS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS


def block(size):
    return mmap.mmap(-1, size, FLAGS)


def hold(mebibytes):
    # What Python keeps of a call, to use it in the next, belongs to no block.
    mmap.mmap(-1, 1, FLAGS).close()
    held = block(mebibytes << 20)
    # The peak is here, when what the call needed is gone.
    bytes(1_000_000)
    return held


def in_namespace(mebibytes):
    held = hold(mebibytes)
    if os.fork() == 0:
        held.close()
        held = hold(2 * mebibytes)
        print("ready", flush=True)
        sys.stdin.read()
        os._exit(0)
    os.wait()


def start(mebibytes):
    command = ["unshare", "--pid", "--fork", sys.executable, __file__, str(mebibytes)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


if len(sys.argv) > 1:
    in_namespace(int(sys.argv[1]))
else:
    processes = [start(mebibytes) for mebibytes in (10, 20, 40)]
    for process in processes:
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        process.stdin.close()
        assert process.wait() == 0
