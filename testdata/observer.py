"""Prints all that a job can see of itself and that must be the same under fil as without it."""

import json
import locale
import os
import pickle
import resource
import signal
import socket
import sys
import threading

# Fil keeps its own descriptors above what jobs count on.
FIRST_OF_THE_RECORDER = min(500, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 3)


class Held:
    def __eq__(self, other):
        return type(self) is type(other)


def environment():
    """Fil adds LD_PRELOAD and a setting of mimalloc's, and nothing else."""
    mine = ("LD_PRELOAD", "MIMALLOC_ARENA_EAGER_COMMIT")
    return sorted((name, value) for name, value in os.environ.items() if name not in mine)


def thread_masks():
    """Blocked signals of the job's threads, from the kernel."""
    masks = []
    for thread in threading.enumerate():
        with open(f"/proc/self/task/{thread.native_id}/status") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        masks.append(status["SigBlk"])
    return masks


def no_children():
    try:
        return os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return "none"


def first_descriptors():
    """What is opened next has the lowest numbers that are free."""
    opened = [os.open(os.devnull, os.O_RDONLY), os.dup(0), *os.pipe(), socket.socket().detach()]
    for descriptor in opened:
        os.close(descriptor)
    return opened


looked_at = threading.Event()
threads = [threading.Thread(target=looked_at.wait) for _ in range(3)]
for thread in threads:
    thread.start()
masks = thread_masks()
looked_at.set()
for thread in threads:
    thread.join()

seen = {
    "first descriptors": first_descriptors(),
    "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd") if int(name) < FIRST_OF_THE_RECORDER),
    "processors": [os.cpu_count(), sorted(os.sched_getaffinity(0))],
    "threads": [threading.active_count(), [thread.name for thread in threading.enumerate()]],
    "umask": os.umask(0o22),
    "folder": os.getcwd(),
    "environment": environment(),
    "locale": [locale.setlocale(locale.LC_ALL), sys.getfilesystemencoding(), sys.stdout.encoding],
    "flags": [repr(sys.flags), sys.argv, sys.executable, sys.path, sys.orig_argv if hasattr(sys, "orig_argv") else 0],
    "main": [__file__, __name__, sys.modules["__main__"].__file__],
    "modules": sorted(sys.modules),
    "pickle": [pickle.loads(pickle.dumps(Held())) == Held(), len(pickle.dumps(Held()))],
    "signal handlers": [repr(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
    "signal mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "masks of threads": masks,
    "pending": sorted(signal.sigpending()),
    "children": no_children(),
    "time of children": resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime,
    "limits": [resource.getrlimit(getattr(resource, name)) for name in sorted(dir(resource)) if "RLIMIT_" in name],
    "terminal": [os.isatty(descriptor) for descriptor in range(3)],
    "priority": os.nice(0),
    "session": [os.getsid(0) == os.getpgrp(), os.getpid() == os.getpgrp()][0],
    "users": [os.getresuid(), os.getresgid(), os.getgroups()],
    "hooks": [sys.gettrace(), sys.getprofile(), sys.excepthook is sys.__excepthook__],
}
print(json.dumps(seen, indent=1, default=str))
