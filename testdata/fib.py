"""Calls functions and allocates next to nothing: about a second of recursion, for which a profiler that
traces calls takes many. Prints the result and whether anything traces this thread.

    python fib.py [N]       N is 35 unless given
"""

import sys


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


print(fib(int(sys.argv[1]) if sys.argv[1:] else 35))
print("trace function:", sys.gettrace(), "profile function:", sys.getprofile())
