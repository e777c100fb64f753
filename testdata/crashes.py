"""Children that crash, and what waiting for them tells: the signal, and whether a core was written."""

import os
import resource
import signal

for limit in (0, resource.RLIM_INFINITY):
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL, signal.SIGTERM):
        child = os.fork()
        if child == 0:
            try:
                resource.setrlimit(resource.RLIMIT_CORE, (limit, resource.getrlimit(resource.RLIMIT_CORE)[1]))
            except (ValueError, OSError):
                pass
            held = [str(number) for number in range(10_000)]
            os.kill(os.getpid(), number)
        _, status = os.waitpid(child, 0)
        print(number, os.WIFSIGNALED(status), os.WTERMSIG(status), os.WCOREDUMP(status))
        # In folders of their own nothing is written over, and nothing is left.
        for name in os.listdir("."):
            if name.startswith("core"):
                os.remove(name)
