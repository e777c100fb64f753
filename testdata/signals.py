"""Signals while the job allocates: a storm of timers whose handler allocates, and signals to the process
that it waits for. None may get lost, and none may find its way to another thread."""

import ctypes
import os
import signal
import threading

alarms = 0
held = []


def on_alarm(_signal, _frame):
    global alarms
    alarms += 1
    held.append(str(alarms) * 10)


signal.signal(signal.SIGALRM, on_alarm)
signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
while alarms < 1000:
    kept = [bytes(number) for number in range(1000)]
signal.setitimer(signal.ITIMER_REAL, 0)

# The job's threads have these blocked, and only who waits gets them.
waited_for = {signal.SIGUSR1, signal.SIGTERM, signal.SIGCHLD, signal.SIGINT}
signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)
got = []
for number in sorted(waited_for):
    os.kill(os.getpid(), number)
    got.append(signal.sigwait(waited_for))
print(got == sorted(waited_for), signal.sigpending() == set())

# Or who reads them from a descriptor.
libc = ctypes.CDLL(None, use_errno=True)
descriptor = libc.signalfd(-1, (1 << (signal.SIGUSR1 - 1)).to_bytes(128, "little"), 0)
os.kill(os.getpid(), signal.SIGUSR1)
print(int.from_bytes(os.read(descriptor, 128)[:4], "little") == signal.SIGUSR1)

# One that is not blocked reaches its handler, whichever thread the kernel takes.
caught = threading.Event()
signal.signal(signal.SIGUSR2, lambda *_: caught.set())
os.kill(os.getpid(), signal.SIGUSR2)
print(caught.wait())
