"""Allocates by two million call paths (or, with an argument, by fewer: two to the power of one more than that), and
prints the most memory that the process had in use, in KiB, and how many paths there are."""

import sys


def branch(depth):
    if depth:
        branch(depth - 1)
        branch(depth - 1)
    else:
        bytes(1000)


depth = int(sys.argv[1]) if len(sys.argv) > 1 else 20
branch(depth)
with open("/proc/self/status") as status:
    [most] = [line.split()[1] for line in status if line.startswith("VmHWM:")]
print(most, 2 ** (depth + 1) - 1)
