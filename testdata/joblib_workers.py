"""Workers of joblib hold blocks when the peak comes. The argument is joblib's backend."""

import sys

from joblib import Parallel, delayed

SIZES = [10_000_000 + number for number in range(8)]


def block(size):
    return bytes(size)


def hold(size):
    # What Python keeps of a call, to use it in the next, belongs to no block.
    block(1)
    # Not in a variable of this module: loky gives each task a copy of those.
    sys.held = [*getattr(sys, "held", []), block(size)]
    return size


if __name__ == "__main__":
    with Parallel(n_jobs=2, backend=sys.argv[1]) as parallel:
        assert parallel(delayed(hold)(size) for size in SIZES) == SIZES
        ballast = bytearray(200_000_000)
