"""Runs a command and writes down what it took: wall, user and system time in seconds, and the most KiB that one of its
processes had in use. Arguments: the file to write to, and the command.

This is a process of its own, and a small one, since Linux hands down the most memory that a process ever had to what it
starts (getrusage(2), ru_maxrss): no command is said to have had less than whoever started it.
"""

import os
import sys
import time

result, *command = sys.argv[1:]
started = time.perf_counter()
process = os.posix_spawn(command[0], command, os.environ)
_, status, usage = os.wait4(process, 0)
wall_s = time.perf_counter() - started
with open(result, "w") as file:
    print(wall_s, usage.ru_utime, usage.ru_stime, usage.ru_maxrss, file=file)
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
